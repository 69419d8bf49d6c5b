// `scaicore run` with services behind HTTP: models as the environment or a file names them, plugins as a file does.
import assert from 'node:assert/strict';
import { chat, FakeModelServer } from '../../../support/fake-model-server.ts';
import { FakePluginServer } from '../../../support/fake-plugin-server.ts';
import { type Ran, ScaicoreFolder } from './in-process.ts';

const PROGRAM = `@core Asker {
    version = "1.0.0"
    @models { primary = { provider = :openai model = "small" } }
    @plugins { files = acme/files@1.0 }
    @plugin_interface files { read(name: string): { method: string } }
}

@flow ask(text: string): string {
    answer = @flexible { goal = "answer" input = text output = { word: string } }
    return answer.word
}

@flow read(): string {
    found = files.read("a")
    return found.method
}
`;

describe('scaicore run with services', () => {
  let folder: ScaicoreFolder;
  let models: FakeModelServer;
  let plugins: FakePluginServer;

  before(async () => {
    models = await FakeModelServer.start();
    plugins = await FakePluginServer.start();
  });
  after(async () => {
    await models.stop();
    await plugins.stop();
  });
  beforeEach(() => {
    folder = new ScaicoreFolder();
    folder.write('ask.scaicore', PROGRAM);
    folder.write('plugins.json', JSON.stringify({ files: { url: plugins.url } }));
  });
  afterEach(() => folder.remove());

  function ask(env: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<Ran> {
    const common = ['run', '.', '--flow', 'ask', '--input', '{"text":"?"}', '--plugins', 'plugins.json'];
    return folder.runWith({ env }, ...common, ...flags);
  }

  it('OPENAI_BASE_URL, OPENAI_API_KEY: serve the models of a program', async () => {
    models.script(chat('{"word":"yes"}'));
    const ran = await ask({ OPENAI_BASE_URL: models.baseUrl, OPENAI_API_KEY: 'key-1' });
    assert.deepEqual([ran.code, ran.out], [0, '"yes"\n']);
    const asked = models.asked.at(-1);
    assert.equal(asked?.headers['authorization'], 'Bearer key-1');
    assert.equal(asked.body['model'], 'small');
  });

  it('GRANARY_MODELS_…: win over those of OpenAI', async () => {
    models.script(chat('{"word":"ours"}'));
    const env = { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', OPENAI_API_KEY: 'other' };
    const own = { GRANARY_MODELS_BASE_URL: models.baseUrl, GRANARY_MODELS_API_KEY: 'key-2' };
    assert.equal((await ask({ ...env, ...own })).out, '"ours"\n');
    assert.equal(models.asked.at(-1)?.headers['authorization'], 'Bearer key-2');
  });

  it('--models: as in the configuration of a host, with keys from the environment', async () => {
    models.script(chat('{"word":"file"}'));
    const settings = { providers: { openai: { baseUrl: models.baseUrl, apiKey: '$HOUSE_KEY' } } };
    folder.write('models.json', JSON.stringify(settings));
    assert.equal((await ask({ HOUSE_KEY: 'key-3' }, '--models', 'models.json')).out, '"file"\n');
    assert.equal(models.asked.at(-1)?.headers['authorization'], 'Bearer key-3');
    models.script(chat('{"word":"whole"}'));
    folder.write('whole.json', JSON.stringify({ port: 7400, models: settings }));
    assert.equal((await ask({ HOUSE_KEY: 'key-3' }, '--models', 'whole.json')).out, '"whole"\n');
    const missing = await ask({}, '--models', 'models.json');
    assert.equal(missing.code, 2);
    assert.match(missing.err, /ERR_CONFIG_INVALID: .*HOUSE_KEY, which is not set/);
  });

  it('--plugins: called over HTTP, but for what --mock answers', async () => {
    const flags = ['run', '.', '--flow', 'read', '--plugins', 'plugins.json'];
    assert.equal((await folder.run(...flags)).out, '"read"\n');
    folder.write('mock.json', '{"plugins":{"files.read":[{"method":"mocked"}]}}');
    assert.equal((await folder.run(...flags, '--mock', 'mock.json')).out, '"mocked"\n');
    folder.write('mock.json', '{"plugins":{"files.write":[null]}}');
    assert.equal((await folder.run(...flags, '--mock', 'mock.json')).out, '"read"\n');
  });
});
