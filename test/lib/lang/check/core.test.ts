import { runCases, saidOf } from './check-text.ts';

const core = (text: string): readonly string[] =>
  saidOf(
    `@core A {\n${text}\n}\n@flow go(id: string) { return id }\n@transformer t(n: int): int { return n }`,
  );

describe('ScaiCore checker: core declarations', () => {
  runCases(
    'Core',
    {
      'with everything, nothing said': [
        `version = "1.2.0"
         description = "d"
         identity = { name = "N", personality = "p", languages = ["en"] }
         instance = :entity(key = "id") { idle_timeout = 30m, max_concurrent = 1, max_active_instances = 10, overflow = :reject }
         @models { primary = { model = "m", temperature = 0.3, modalities = [:text, :embedding], fallback = [{ model = "x" }] } }
         @memory { a: int }
         @config { @param x: money = 5 @runtime_configurable { description = "d" } }
         @constraints { never = ["a"] }
         @conversation_policy { tone = "calm", max_turns = 3 }
         @triggers {
           @api a { flow = go }
           @webhook b { flow = go, method = "POST", path = "/b" }
           @schedule c { flow = go, cron = "0 2 * * *", timezone = "UTC" }
           @internal d { flow = go }
         }
         @on done from core://other { flow = go }`,
      ],
      'unknown field, E111': ['verion = "1.0.0"', 'E111 2:1'],
      'field twice, E112': ['version = "1.0.0"\nversion = "1.0.1"', 'E112 3:1'],
      'version that is none, E113': ['version = "one"', 'E113 2:11'],
      'identity with an unknown field, E111': ['identity = { nam = "x" }', 'E111 2:14'],
    },
    core,
  );

  runCases(
    'Instance',
    {
      'unknown mode, E113': ['instance = :entty', 'E113 2:12'],
      'entity without a key, E110': ['instance = :entity', 'E110 2:12'],
      'entity with two keys, E112': ['instance = :entity(key = "id") { entity_key = id }', 'E112 2:34'],
      'unknown bound, E111': ['instance = :entity(key = "id") { idle = 5 }', 'E111 2:34'],
      'bound of another mode, E111': ['instance = :stateless { idle_timeout = 5m }', 'E111 2:25'],
      'overflow that is unknown, E113': ['instance = :entity(key = "id") { overflow = "drop" }', 'E113 2:45'],
      'singleton without max_concurrent, W403': ['instance = :singleton', 'W403 2:12'],
      'stateless with memory, W400': ['@memory { a: int }', 'W400 2:1'],
    },
    core,
  );

  runCases(
    'Members',
    {
      'model without a model, E110': ['@models { primary = { provider = "openai" } }', 'E110 2:11'],
      'models of any provider, by text or symbol, nothing said': [
        '@models { primary = { provider = :anthropic, model = "m", fallback = [{ provider = "own-1", model = "n" }] } }',
      ],
      'model of a provider that is no word, E113': [
        '@models { primary = { provider = 1, model = "m", fallback = [{ provider = "", model = "n" }] } }',
        'E113 2:34',
        'E113 2:75',
      ],
      'model with an unknown field, E111': ['@models { primary = { model = "m", temp = 1 } }', 'E111 2:36'],
      'modality that is unknown, E113': [
        '@models { primary = { model = "m", modalities = [:txt] } }',
        'E113 2:50',
      ],
      'config default of a wrong type, E300': ['@config { @param x: int = "a" }', 'E300 2:27'],
      'config default that is not known, E113': ['@config { @param x: int = 1 + now() }', 'E113 2:27'],
      'memory field twice, E201': [
        'instance = :entity(key = "id")\n@memory {\na: int\na: int\n}',
        'E201 5:1',
      ],
      'constraint that is unknown, E111': ['@constraints { nevr = ["a"] }', 'E111 2:16'],
      'constraint that is no list, E113': ['@constraints { never = "a" }', 'E113 2:24'],
    },
    core,
  );

  runCases(
    'Triggers',
    {
      'without a flow, E110': ['@triggers { @api a { } }', 'E110 2:13'],
      'of an unknown flow, E203': ['@triggers { @api a { flow = og } }', 'E203 2:29'],
      'of a transformer, E203': ['@triggers { @api a { flow = t } }', 'E203 2:29'],
      'schedule without cron, E110': ['@triggers { @schedule a { flow = go } }', 'E110 2:13'],
      'webhook of an unknown method, E113': [
        '@triggers { @webhook a { flow = go, method = "PUSH" } }',
        'E113 2:46',
      ],
      'webhook with a path that is none, E113': [
        '@triggers { @webhook a { flow = go, path = "x" } }',
        'E113 2:44',
      ],
      'name twice, E201': ['@triggers {\n@api a { flow = go }\n@api a { flow = go }\n}', 'E201 4:6'],
      'subscription to an unknown flow, E203': ['@on done from core://other { flow = gone }', 'E203 2:37'],
    },
    core,
  );

  runCases(
    'Tests',
    {
      'with everything, nothing said': [
        `@models { primary = { model = "m" } }
         @plugins { files = a/b@1.0 }
         instance = :entity(key = "id")
         @memory { a: int }
         @config { @param x: int = 5 }
         @test "t" {
           @mock primary = { a: 1 }
           @mock files.read = "x"
           @mock core://other = 1
           @given { memory.a = 1
             config.x = 3
             y = "q" }
           @when out = go(id = y)
           @then { out == "q"
             status == "COMPLETED"
             error == null
             emitted.length == 0
             emitted.all(e => e.event == "x")
             memory.a == 1 }
         }
         @test "p" { @property (n: int) { t(n) == n } }`,
      ],
      'mock of an unknown role, E204': ['@test "t" { @mock primry = 1 }', 'E204 2:19'],
      'mock of an unknown plugin, E205': ['@test "t" { @mock fils.read = 1 }', 'E205 2:19'],
      'when that calls nothing known, E203': ['@test "t" { @when out = gone(1) }', 'E203 2:25'],
      'when with wrong arguments, E300': ['@test "t" { @when out = go(id = 1) }', 'E300 2:33'],
      'then that is no bool, E308': ['@test "t" { @when out = go(id = "a")\n@then { out } }', 'E308 3:9'],
      'given something wrong, E300': [
        'instance = :entity(key = "id")\n@memory { a: int }\n@test "t" { @given { memory.a = "x" } }',
        'E300 4:33',
      ],
      'return in given, E310': ['@test "t" { @given { return 1 } }', 'E310 2:22'],
    },
    core,
  );
});
