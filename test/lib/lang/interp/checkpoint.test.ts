import assert from 'node:assert/strict';
import {
  type CheckpointRecord,
  CoreEngine,
  type ExecutionResult,
  InMemoryCheckpointBackend,
  type IRModule,
  type JsonValue,
  MockModelProvider,
} from '../../../../lib/lang/index.ts';
import type { FakeClock } from '../../../../lib/index.ts';
import { load, moduleFrom, resolveAll, testClock, testEnv } from './ir-kit.ts';

const decision = (value: JsonValue) => (): Readonly<Record<string, JsonValue>> => ({ decision: value });

async function outcome(
  source: string,
  resolution: (record: CheckpointRecord, count: number) => Readonly<Record<string, JsonValue>>,
  input: Readonly<Record<string, JsonValue>> = {},
): Promise<{
  readonly output: JsonValue | undefined;
  readonly count: number;
  readonly result: ExecutionResult;
}> {
  const { result, records } = await resolveAll(
    moduleFrom(source),
    testEnv(),
    { flow: 'main', input },
    resolution,
  );
  return { output: result.output, count: records.length, result };
}

describe('Checkpoints', () => {
  it('Resume: a decision that is none of the options, refused, and the checkpoint stays', async () => {
    const source = `
      @core Desk { version = "1.0.0" }
      @flow main(): string {
        d = @checkpoint approval { options = ["approve", "reject"] }
        return d
      }`;
    const engine = load(source, testEnv());
    const { checkpoint } = await engine.invoke({ flow: 'main', input: {} });
    const checkpointId = checkpoint?.checkpointId ?? '';
    for (const wrong of ['aprove', 1, null]) {
      const { error } = await engine.resume({ checkpointId, resolution: { decision: wrong } });
      assert.equal(error?.errorType, 'InvalidInputError');
      assert.match(error?.message ?? '', /is none of the options: approve, reject$/);
    }
    const { output } = await engine.resume({ checkpointId, resolution: { decision: 'approve' } });
    assert.equal(output, 'approve');
  });

  it('Record: all that a host needs to ask somebody', async () => {
    const source = `
      @core Desk { version = "2.0.0"
        instance = :entity(key = "id") }
      @flow main(id: string): string {
        d = @checkpoint hitl_review {
          present = { prompt = "Send \${id}?"
            payload = { text: "hello" } }
          options = ["send", "drop"]
          timeout = 1h
          on_timeout = "escalate"
          assignee = "user:ada"
          priority = "high"
          hitl_target = { scope: "a", queue: "q" }
        }
        return d
      }`;
    const env = testEnv();
    const identity = { user: 'u1' };
    const trigger = { type: 'API', name: 'go' } as const;
    const result = await load(source, env).invoke({
      flow: 'main',
      input: { id: 'k' },
      identity,
      trigger,
      executionId: 'e1',
    });
    assert.equal(result.status, 'SUSPENDED');
    const { checkpoint_id: id, state, ...record } = result.checkpoint?.record ?? ({} as CheckpointRecord);
    assert.equal(id, result.checkpoint?.checkpointId);
    assert.deepEqual(record, {
      core_name: 'Desk',
      core_version: '2.0.0',
      execution_id: 'e1',
      flow_name: 'main',
      block_index: 0,
      block_path: [0],
      instance_key: 'k',
      checkpoint_type: 'hitl_review',
      prompt: 'Send k?',
      payload: { text: 'hello' },
      options: ['send', 'drop'],
      timeout_ms: 3_600_000,
      on_timeout: 'escalate',
      hitl_target: { scope: 'a', queue: 'q' },
      assignee: 'user:ada',
      priority: 'high',
      created_at_ms: 1_700_000_000_000,
      expires_at_ms: 1_700_003_600_000,
    });
    assert.deepEqual([state.identity, state.trigger], [identity, trigger]);
  });

  it('Resolution: the decision, all of it where there is none, an arm where there are arms', async () => {
    const plain = '@flow main() { d = @checkpoint approval { options = [] }\nreturn d }';
    assert.equal((await outcome(plain, decision('yes'))).output, 'yes');
    assert.deepEqual((await outcome(plain, () => ({ a: 1, b: 2 }))).output, { a: 1, b: 2 });
    const arms = `@flow main(): string {
      r = @checkpoint choice {
        on_response = {
          "yes" => { x = "went"
            "\${x} on" }
          { reason } => reason
          _ => "other"
        }
      }
      return "\${r}!"
    }`;
    assert.equal((await outcome(arms, decision('yes'))).output, 'went on!');
    assert.equal((await outcome(arms, () => ({ reason: 'why' }))).output, 'why!');
    assert.equal((await outcome(arms, () => ({ n: 1 }))).output, 'other!');
  });

  it('Places: in loops, branches, tries, catches, budgets, arms and called flows it goes on exactly there', async () => {
    const source = `
      @flow ask(label: string): string {
        seen = 0
        @while seen < 2 (max_iterations = 5) {
          d = @checkpoint approval { present = { payload = "\${label}\${seen}" } }
          seen = seen + 1
          if d == "fail" { fail("said so") }
        }
        return label.upper()
      }
      @flow main(xs: array[string]): array[string] {
        log = ["start"]
        all = @foreach x, i in xs {
          @budget {
            max_llm_calls = 3
            @try {
              if i % 2 == 0 { r = ask(x)
                yield r }
              else {
                e = @checkpoint approval { present = { payload = "else" } }
                yield e
              }
            } @catch FailError err {
              c = @checkpoint approval { present = { payload = err.message } }
              yield "caught \${c}"
            }
          }
          log = log.push(x)
        }
        last = @match all.length {
          3 => { z = @checkpoint approval { present = { payload = "arm" } }
            "\${z}" }
          _ => "short"
        }
        return log.concat(all).push(last)
      }`;
    const asked: JsonValue[] = [];
    const { output } = await outcome(
      source,
      ({ payload }) => {
        asked.push(payload);
        return { decision: payload === 'c1' ? 'fail' : `<${String(payload)}>` };
      },
      { xs: ['a', 'b', 'c'] },
    );
    assert.deepEqual(asked, ['a0', 'a1', 'else', 'c0', 'c1', 'said so', 'arm']);
    assert.deepEqual(output, ['start', 'a', 'b', 'c', 'A', '<else>', 'caught <said so>', '<arm>']);
  });

  it('Loops over a variable: go over what it was, whether it is still that or not', async () => {
    const source = (change: string): string => `
      @flow main(all: array[int]): array[int] {
        xs = all.filter(x => x > 0)
        ys = @foreach x in xs {
          d = @checkpoint approval { present = { payload = x } }
          ${change}
          yield x
        }
        return ys.concat(xs)
      }`;
    const kept = await outcome(source(''), decision(1), { all: [1, 2, 3] });
    assert.deepEqual(kept.output, [1, 2, 3, 1, 2, 3]);
    const changed = await outcome(source('xs = [x * 10]'), decision(1), { all: [1, 2, 3] });
    assert.deepEqual(changed.output, [1, 2, 3, 30]);
  });

  it('Numbers of calls go on where they stopped', async () => {
    const source = `
      @core Test { version = "1.0.0"
        @plugins { p = pub/plug@1.0.0 } }
      @flow main(): array[string] {
        a = p.id()
        @checkpoint approval { options = [] }
        b = p.id()
        return [a, b]
      }`;
    const env = testEnv({ plugins: { has: () => true, call: ({ callId }) => callId } });
    const { result } = await resolveAll(
      moduleFrom(source),
      env,
      { flow: 'main', executionId: 'e' },
      decision(1),
    );
    assert.deepEqual(result.output, ['e/0', 'e/1']);
  });

  it('Budgets: what was used before counts after, waiting for a person does not', async () => {
    const source = `
      @core Test { version = "1.0.0"
        @models { primary = { model = "m" } } }
      @flow main(): string {
        @budget {
          max_llm_calls = 2
          max_duration = 1m
          a = @flexible { goal = "a"
            input = 1
            output = string }
          d = @checkpoint approval { options = [] }
          b = @flexible { goal = "b"
            input = 1
            output = string }
          @try { c = @flexible { goal = "c"
            input = 1
            output = string } } @catch BudgetExceededError e { return e.details.limit }
        }
        return "all of them"
      }`;
    const clock: FakeClock = testClock();
    const env = testEnv({ clock, modelProviders: new MockModelProvider() });
    const module = moduleFrom(source);
    const { result } = await resolveAll(module, env, { flow: 'main' }, () => {
      clock.advance(3_600_000);
      return { decision: 'ok' };
    });
    assert.equal(result.output, 'max_llm_calls');
  });

  it('Parallel branches: a checkpoint in a called flow is an error there', async () => {
    const source = `
      @flow ask(): string { d = @checkpoint approval { options = ["a"] }
        return d }
      @flow main() { r = @parallel { a = ask() }
        return r }`;
    const module = moduleFromUnverified(source);
    if (!module) return;
    const result = await CoreEngine.load(module, testEnv()).invoke({ flow: 'main' });
    assert.match(result.error?.message ?? '', /branch that runs beside others/);
  });

  it('Taking: of two resolutions one goes on, the other finds nothing', async () => {
    const engine = load('@flow main() { d = @checkpoint approval { options = [] }\nreturn d }', testEnv());
    const { checkpoint } = await engine.invoke({ flow: 'main' });
    const request = { checkpointId: checkpoint?.checkpointId ?? '', resolution: { decision: 1 } };
    const both = await Promise.all([engine.resume(request), engine.resume(request)]);
    assert.deepEqual(
      both.map(({ status, error }) => error?.errorType ?? status),
      ['COMPLETED', 'CheckpointNotFoundError'],
    );
  });

  it('Mismatch: another body is refused, and the checkpoint stays', async () => {
    const checkpoints = new InMemoryCheckpointBackend();
    const source = '@flow main() { d = @checkpoint approval { options = [] }\nreturn d }';
    const { checkpoint } = await load(source, testEnv({ checkpoints })).invoke({ flow: 'main' });
    const request = { checkpointId: checkpoint?.checkpointId ?? '', resolution: { decision: 1 } };
    const changed = load(source.replace('return d', 'return [d]'), testEnv({ checkpoints }));
    const refused = await changed.resume(request);
    assert.equal(refused.error?.errorType, 'CheckpointMismatchError');
    assert.match(refused.error.message, /body of flow 'main' has changed; resume it with the bundle/);
    // Only moved in its file: the same program.
    const moved = load(`\n\n// A remark.\n${source}`, testEnv({ checkpoints }));
    assert.equal((await moved.resume(request)).output, 1);
  });

  it('Saving: one that fails does so at the checkpoint, where a catch gets it', async () => {
    const checkpoints = {
      save: () => {
        throw new Error('disk full');
      },
      load: () => undefined,
      take: () => undefined,
    };
    const source = `@flow main(): string {
      @try { d = @checkpoint approval { options = ["a"] } } @catch e { return e.message }
      return "no" }`;
    const result = await load(source, testEnv({ checkpoints })).invoke({ flow: 'main' });
    assert.equal(result.output, 'disk full');
  });
});

function moduleFromUnverified(source: string): IRModule | undefined {
  try {
    return moduleFrom(source);
  } catch {
    // The verifier sees it already.
    return undefined;
  }
}

describe('Checkpoints that nobody resolves', () => {
  const source = (action: string): string => `
    @flow main(): string {
      @try {
        d = @checkpoint approval {
          options = ["send", "drop"]
          timeout = 1h
          ${action}
        }
        return d
      } @catch CheckpointTimeoutError e { return "caught" }
    }`;

  async function expired(action: string): Promise<ExecutionResult> {
    const engine = load(source(action), testEnv());
    const { checkpoint } = await engine.invoke({ flow: 'main' });
    return await engine.expire(checkpoint?.checkpointId ?? '');
  }

  it('Timeout: fails at the checkpoint unless told otherwise', async () => {
    assert.equal((await expired('')).output, 'caught');
    assert.equal((await expired('on_timeout = "fail"')).output, 'caught');
    assert.equal((await expired('on_timeout = "drop"')).output, 'drop');
    assert.equal((await expired('on_timeout = "approve"')).output, 'approve');
    assert.equal((await expired('on_timeout = "reject"')).output, 'reject');
    assert.equal((await expired('on_timeout = "cancel"')).error?.errorType, 'CancelledError');
  });

  it('Timeout: escalated, it waits on without an end, and can still be resolved', async () => {
    const env = testEnv();
    const engine = load(source('on_timeout = "escalate"'), env);
    const first = await engine.invoke({ flow: 'main' });
    const id = first.checkpoint?.checkpointId ?? '';
    const escalated = await engine.expire(id);
    assert.equal(escalated.status, 'SUSPENDED');
    assert.equal(escalated.checkpoint?.checkpointId, id);
    assert.equal(escalated.checkpoint.record.expires_at_ms, undefined);
    assert.deepEqual(escalated.checkpoint.payload, { value: null, escalated: true });
    assert.equal(
      (await engine.resume({ checkpointId: id, resolution: { decision: 'send' } })).output,
      'send',
    );
  });

  it('Timeout: of a checkpoint that is gone, CheckpointNotFoundError', async () => {
    assert.equal((await load(source(''), testEnv()).expire('x')).error?.errorType, 'CheckpointNotFoundError');
  });
});
