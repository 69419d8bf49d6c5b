import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { readModelSettings, readPluginSettings } from '../../../silo/index.ts';

const BASE = 'https://api.example.com/v1';

function problem(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    assert.ok(thrown instanceof GrainError);
    assert.equal(thrown.code, 'ERR_CONFIG_INVALID');
    return thrown.message;
  }
  return 'none';
}

describe('silo/models: settings', () => {
  it('Settings: keys by name of a variable, read from there', () => {
    const given = {
      providers: { openai: { baseUrl: BASE, apiKey: '$KEY' }, local: { baseUrl: 'http://127.0.0.1:9' } },
    };
    assert.deepEqual(readModelSettings(given, { KEY: 'abc' }).providers, {
      openai: { baseUrl: BASE, apiKey: 'abc' },
      local: { baseUrl: 'http://127.0.0.1:9' },
    });
    assert.equal(
      problem(() => readModelSettings(given)),
      'models.providers.openai.apiKey is to come from the variable KEY, which is not set',
    );
    assert.match(
      problem(() => readModelSettings(given, { KEY: 'a\nb' })),
      /printable ASCII/,
    );
  });

  for (const [name, models, said] of [
    ['no object', 4, 'models must be an object'],
    ['nothing in it', {}, 'models.providers must be given'],
    [
      'an unknown key',
      { providers: {}, timeoutMS: 4 },
      'models.timeoutMS is not a setting; did you mean timeoutMs?',
    ],
    [
      'an unknown key of a provider',
      { providers: { openai: { baseURL: BASE } } },
      'models.providers.openai.baseURL is not a setting; did you mean baseUrl?',
    ],
    [
      'another protocol',
      { providers: { openai: { baseUrl: 'ftp://x' } } },
      'models.providers.openai.baseUrl must be an http:// or https:// address',
    ],
    [
      'a password in the address',
      { providers: { openai: { baseUrl: 'https://me:secret@x' } } },
      'models.providers.openai.baseUrl must be an address without a user name and a password in it',
    ],
    ['out of range', { providers: {}, retries: 99 }, 'models.retries must be a whole number from 0 to 20'],
    [
      'an unknown kind',
      { providers: { o: { baseUrl: BASE, structuredOutput: 'xml' } } },
      'models.providers.o.structuredOutput must be one of json_schema, json_object, prompt',
    ],
    [
      'a tool without a function',
      { providers: {}, tools: [{ name: 'a', description: 'b', parameters: {} }] },
      'models.tools[0].run must be given',
    ],
  ] as const)
    it(`Settings: models with ${name}, refused with the place`, () => {
      assert.equal(
        problem(() => readModelSettings(models)),
        said,
      );
    });

  it('Settings: plugins, read with their secrets and refused with the place', () => {
    const url = 'http://127.0.0.1:9/x';
    assert.deepEqual(readPluginSettings({ files: { url, secret: '$S' } }, { S: 'abc' }), {
      plugins: { files: { url, secret: 'abc' } },
    });
    assert.equal(
      problem(() => readPluginSettings({ files: { url, timeout: 4 } })),
      'plugins.files.timeout is not a setting; did you mean timeoutMs?',
    );
    assert.match(
      problem(() => readPluginSettings({ 'a b': { url } })),
      /the key "a b" must be an alias, or publisher\/name/,
    );
    assert.match(
      problem(() => readPluginSettings({ files: {} })),
      /plugins\.files\.url must be given/,
    );
  });
});
