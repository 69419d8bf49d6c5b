// `scaicore run` and `inspect`: the world that a program is given, what is left behind, and what stands in the way.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { GREET, ScaicoreFolder } from './in-process.ts';

/** Uses one of everything. */
const DESK = `@core Desk {
    version = "2.0.0"
    instance = :entity(key = "customer")
    @memory {
        visits: int
        notes: array[string]
    }
    @reference { prices: map[string, money] }
    @config {
        @param limit: int = 3 @runtime_configurable
        @param token: string @secret
    }
    @models { primary = { model = "small" } }
    @plugins { mail = acme/mail@1.0 }
    @triggers { @api visit { flow = visit } }
}

type Answer = { text: string }

@transformer bang(text: string): string {
    return text + "!"
}

@flow visit(customer: string, times: int = 1): int {
    memory.visits = (memory.visits ?? 0) + times
    emit visited { count = memory.visits }
    return memory.visits ?? 0
}

@flow answer(customer: string): string {
    x = @flexible { goal = "answer" input = customer output = Answer }
    mail.send(x.text)
    return bang(x.text)
}

@flow stock(customer: string): int {
    n = @core_call core://shop/stock { flow = "count" }
    return n
}

@flow price(customer: string, of: string): money {
    return reference.prices.get(of) ?? 0.0
}
`;

describe('scaicore run and inspect', () => {
  let folder: ScaicoreFolder;

  beforeEach(() => {
    folder = new ScaicoreFolder();
    folder.write('greet.scaicore', GREET);
    folder.write('desk/desk.scaicore', DESK);
    folder.write(
      'mock.json',
      JSON.stringify({
        models: { primary: [{ text: 'hi' }] },
        plugins: { 'mail.send': [null] },
        cores: { 'core://shop/stock': [7] },
      }),
    );
    folder.write('prices.json', '{"prices":{"tea":2.5}}');
  });
  afterEach(() => folder.remove());

  it('run: what is said about it goes to standard error, the result alone to standard output', async () => {
    const ran = await folder.run('run', 'greet.scaicore', '--flow', 'greet', '--input', '{"name":"Ada"}');
    assert.deepEqual(ran, {
      code: 0,
      out: '"Hello, Ada!"\n',
      err: 'Compiling greet.scaicore...\nRunning Greeter:greet...\n',
    });
    folder.write('in.json', '{"name":"Bob"}');
    const file = await folder.run(
      'run',
      'greet.scaicore',
      '--flow',
      'greet',
      '--input',
      '@in.json',
      '--json',
    );
    assert.equal(file.err, '');
    const { status, output } = JSON.parse(file.out) as { readonly status: string; readonly output: unknown };
    assert.deepEqual([status, output], ['COMPLETED', 'Hello, Bob!']);
  });

  it('run --mock: models, plugins and other Cores answer as the file says', async () => {
    const common = ['--mock', 'mock.json', '--input', '{"customer":"c"}'];
    assert.equal((await folder.run('run', 'desk', '--flow', 'answer', ...common)).out, '"hi!"\n');
    assert.equal((await folder.run('run', 'desk', '--flow', 'stock', ...common)).out, '7\n');
  });

  it('run --mock: a part or answer that is missing, or a wrong file, is told by its name', async () => {
    const run = (flow: string): ReturnType<ScaicoreFolder['run']> =>
      folder.run('run', 'desk', '--flow', flow, '--mock', 'mock.json', '--input', '{"customer":"c"}');
    folder.write('mock.json', '{"models":{"primary":[{"text":"a"}]}}');
    const plugin = await run('answer');
    assert.equal(plugin.code, 1);
    assert.match(plugin.err, /PluginError: --mock has no answer for mail\.send/);
    assert.match((await run('stock')).err, /CoreCallError: --mock has no answer for core:\/\/shop\/stock/);
    for (const [text, message] of [
      ['{"modles":{}}', /no part 'modles': there are models, plugins and cores/],
      ['{"models":{"primary":{}}}', /models\.primary has to be a list/],
      ['[]', /--mock has to be an object/],
      ['{', /--mock is not JSON: mock\.json/],
    ] as const) {
      folder.write('mock.json', text);
      const wrong = await run('answer');
      assert.equal(wrong.code, 2);
      assert.match(wrong.err, message);
    }
  });

  it('run: without models and plugins, says how to give them', async () => {
    const plugins = await folder.run('run', 'desk', '--flow', 'answer', '--input', '{"customer":"c"}');
    assert.equal(plugins.code, 2);
    assert.match(
      plugins.err,
      /ERR_CORE_FILE: .*'mail' \(acme\/mail@1\.0\) is not there\n {2}next: .*--mock FILE/,
    );
    const program = DESK.replace('@plugins { mail = acme/mail@1.0 }', '').replace('mail.send(x.text)', '');
    folder.write('desk/desk.scaicore', program);
    const models = await folder.run('run', 'desk', '--flow', 'answer', '--input', '{"customer":"c"}');
    assert.equal(models.code, 1);
    assert.match(models.err, /ModelProviderError: .*no model for 'primary': .*--mock FILE/);
  });

  it('run --models and OPENAI_BASE_URL: services are checked before anything runs', async () => {
    folder.write('models.json', '{"providers":{"openai":{"baseUr":"http://x"}}}');
    const file = await folder.run('run', 'greet.scaicore', '--flow', 'greet', '--models', 'models.json');
    assert.equal(file.code, 2);
    assert.match(file.err, /ERR_CONFIG_INVALID: .*--models.*baseUr/);
    const wrong = await folder.runWith(
      { env: { OPENAI_API_KEY: 'secret-key', OPENAI_BASE_URL: 'nowhere' } },
      ...['run', 'greet.scaicore', '--flow', 'greet'],
    );
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /ERR_CONFIG_INVALID: .*baseUrl/);
    assert.ok(!wrong.err.includes('secret-key'));
  });

  it('run --state: memory stays from run to run, for each instance its own', async () => {
    const visit = async (customer: string): Promise<string> => {
      const input = JSON.stringify({ customer });
      const flags = ['--flow', 'visit', '--mock', 'mock.json', '--state', 'state', '--input', input];
      return (await folder.run('run', 'desk', ...flags)).out;
    };
    assert.deepEqual([await visit('a'), await visit('a'), await visit('b')], ['1\n', '2\n', '1\n']);
    assert.deepEqual(readdirSync(folder.file('state')), ['memory.json']);
    folder.write('state/memory.json', '[[');
    const flags = ['--mock', 'mock.json', '--state', 'state', '--input', '{"customer":"a"}'];
    const damaged = await folder.run('run', 'desk', '--flow', 'visit', ...flags);
    assert.equal(damaged.code, 2);
    assert.match(damaged.err, /ERR_FILE_UNREADABLE: .*memory\.json is damaged/);
  });

  it('run --state: what a stateless Core knew while it waited is gone when it is done', async () => {
    const program = GREET.replace(
      'instance = :stateless',
      'instance = :stateless\n    @memory { n: int }',
    ).replace('    decision = @checkpoint', '    memory.n = 5\n    decision = @checkpoint');
    folder.write(
      'greet.scaicore',
      program.replace('return decision', 'return "${decision} ${memory.n ?? 0}"'),
    );
    const flags = ['--flow', 'ask', '--input', '{"name":"A"}', '--state', 'state'];
    const first = await folder.run('run', 'greet.scaicore', ...flags);
    assert.equal(first.code, 0);
    const [, id = ''] = /^Suspended at checkpoint (\S+)\n$/.exec(first.out) ?? [];
    assert.match(first.err, /Greet A\?\n {2}options: yes, no\n {2}next: --resume .*'\{"decision":"yes"\}'/);
    assert.match(folder.read('state/memory.json'), /"n"/);
    const resume = ['--resume', id, '--resolution', '{"decision":"no"}', '--state', 'state'];
    assert.equal((await folder.run('run', 'greet.scaicore', ...resume)).out, '"no 5"\n');
    assert.deepEqual(readdirSync(folder.file('state')), ['memory.json']);
    assert.equal(folder.read('state/memory.json'), '[]');
  });

  it('run --resume: what has to stand with it, and what cannot', async () => {
    const resume = (...flags: string[]): ReturnType<ScaicoreFolder['run']> =>
      folder.run('run', 'greet.scaicore', '--resume', 'x', ...flags);
    for (const [flags, message] of [
      [[], /--resume needs --state FOLDER/],
      [['--state', 's'], /--resume needs --resolution/],
      [['--state', 's', '--resolution', '{}', '--flow', 'ask'], /takes no --flow/],
      [['--state', 's', '--resolution', '"yes"'], /--resolution has to be a JSON object/],
    ] as const) {
      const ran = await resume(...flags);
      assert.equal(ran.code, 2);
      assert.match(ran.err, message);
    }
    const alone = await folder.run('run', 'greet.scaicore', '--flow', 'greet', '--resolution', '{}');
    assert.match(alone.err, /--resolution goes with --resume ID/);
  });

  it('run: what is emitted is shown, telemetry when it is asked for; an entity without its key is told', async () => {
    const flags = ['--mock', 'mock.json', '--flow', 'visit'];
    const ran = await folder.run('run', 'desk', ...flags, '--input', '{"customer":"a"}', '--telemetry');
    assert.match(ran.err, /^emit visited \{"count":1\}$/m);
    assert.match(ran.err, /^scaicore\.runtime\.invocation\.completed \{/m);
    const keyless = await folder.run('run', 'desk', ...flags);
    assert.equal(keyless.code, 1);
    assert.match(keyless.err, /InvalidInputError/);
  });

  it('run --reference, --config: values of the deployment; wrong names are told with the nearest', async () => {
    const flags = ['--flow', 'price', '--mock', 'mock.json', '--input', '{"customer":"a","of":"tea"}'];
    const ran = await folder.run(
      'run',
      'desk',
      ...flags,
      '--reference',
      'prices.json',
      '--config',
      'limit=4',
    );
    assert.equal(ran.out, '2.5\n');
    assert.match(
      (await folder.run('run', 'desk', ...flags, '--config', 'limt=4')).err,
      /did you mean limit\?/,
    );
    assert.match((await folder.run('run', 'desk', ...flags, '--config', 'limit')).err, /takes name=value/);
  });

  it('run: somebody who stops it before it begins, stops it', async () => {
    const ran = await folder.runWith(
      { stopSignal: AbortSignal.abort() },
      ...['run', 'greet.scaicore', '--flow', 'greet', '--input', '{"name":"A"}'],
    );
    assert.equal(ran.code, 1);
    assert.match(ran.err, /CancelledError/);
  });

  it('run: a program with mistakes is not run; several flows need a choice', async () => {
    folder.write('bad.scaicore', '@core X { version = 1 }');
    const bad = await folder.run('run', 'bad.scaicore');
    assert.equal(bad.code, 1);
    assert.match(bad.err, /error\[E\d+\]/);
    assert.match((await folder.run('run', 'greet.scaicore')).err, /has 2 flows.*: greet, ask/);
  });

  it('inspect: everything of a program in tables; secrets have no value', async () => {
    const { out, code } = await folder.run('inspect', 'desk');
    assert.equal(code, 0);
    for (const line of [
      /^Desk v2\.0\.0, IR /,
      /^instance: entity, entity_key customer/m,
      /^ {2}visit +\(customer: string, times: int = …\): int$/m,
      /^functions\n {2}bang +\(text: string\): string$/m,
      /^types\n {2}Answer +\{ text: string \}$/m,
      /^memory\n {2}visits +int\n {2}notes +array\[string\]$/m,
      /^ {2}limit +int = 3 {2}runtime configurable\n {2}token +string \(secret\)$/m,
      /^plugins\n {2}mail +acme\/mail@1\.0$/m,
      /^ {2}api visit +-> visit$/m,
    ])
      assert.match(out, line);
    const manifest = JSON.parse((await folder.run('inspect', 'desk', '--json')).out) as {
      readonly name: string;
    };
    assert.equal(manifest.name, 'Desk');
  });

  it('inspect: at a terminal titles are in colour, and nothing in a program moves the cursor', async () => {
    folder.write(
      'desk/desk.scaicore',
      DESK.replace('version = "2.0.0"', 'version = "2.0.0"\n    description = "a\\u{1b}[2Jb"'),
    );
    const { out } = await folder.runWith({ isTty: true }, 'inspect', 'desk');
    assert.ok(out.startsWith('\u001b[1mDesk\u001b[22m v2.0.0'));
    assert.ok(!out.includes('\u001b[2J'));
    assert.match(out, /^a\ufffd\[2Jb$/m);
  });
});
