import assert from 'node:assert/strict';
import { checkSettings, settingsFromEnv } from '../../../gateway/internal.ts';
import { cleanUp, COUNTER, runCli, tempFolder } from './spawned-cli.ts';

describe('Settings', () => {
  after(cleanUp);

  it('variables: named after their keys, read as what they hold', () => {
    const env = {
      GRANARY_PORT: '7500',
      GRANARY_DATA: 'here',
      GRANARY_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
      GRANARY_INSECURE_OPEN: 'true',
      PATH: '/bin',
    };
    assert.deepEqual(settingsFromEnv(env), {
      port: 7500,
      data: 'here',
      allowedOrigins: ['https://a.example', 'https://b.example'],
      insecureOpen: true,
    });
  });

  it('variables: unknown or malformed ones are errors that name the nearest', () => {
    assert.throws(
      () => settingsFromEnv({ GRANARY_PROT: '1' }),
      /GRANARY_PROT is not a setting; did you mean GRANARY_PORT\?/,
    );
    assert.throws(() => settingsFromEnv({ GRANARY_PORT: 'x' }), /GRANARY_PORT must be a number, not x/);
    assert.throws(() => settingsFromEnv({ GRANARY_INSECURE_OPEN: 'yes' }), /must be true or false/);
  });

  it('file: unknown keys and wrong types are errors that name the file', () => {
    assert.throws(
      () => checkSettings({ prot: 1 }, 'c.json'),
      /the key prot in c.json is not a setting; did you mean port\?/,
    );
    assert.throws(() => checkSettings({ port: '1' }, 'c.json'), /port in c.json must be a number/);
    assert.throws(() => checkSettings({ cores: 'a.ts' }, 'c.json'), /must be an array of strings/);
    assert.throws(() => checkSettings([], 'c.json'), /must hold an object/);
  });

  it('doctor: flags win over variables, variables over the file, and a TypeScript file is read', async () => {
    const config =
      'const port: number = 7501;\nexport default { port, data: "fromFile", host: "127.0.0.1" };\n';
    const folder = tempFolder({ 'granary.config.ts': config, 'counter.ts': COUNTER });
    const env = { GRANARY_DATA: 'fromEnv', GRANARY_PORT: '7502' };
    const { out, err } = await runCli(['doctor', '--port', '7503'], { folder, env });
    assert.match(out, /data +fromEnv will be made/, err);
    assert.match(out, /port +127\.0\.0\.1:7503 /);
    const plain = await runCli(['doctor'], { folder });
    assert.match(plain.out, /fromFile will be made/);
    assert.match(plain.out, /port +127\.0\.0\.1:7501 /);
  });

  it('dev: a slip in the file ends with exit code 2 and names the nearest key', async () => {
    const folder = tempFolder({ 'granary.config.json': '{"prot": 7}', 'counter.ts': COUNTER });
    const { code, err } = await runCli(['dev', 'counter.ts'], { folder });
    assert.equal(code, 2);
    assert.match(err, /ERR_CONFIG_INVALID: the key prot in granary.config.json.*did you mean port\?/);
  });
});
