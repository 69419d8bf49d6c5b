// What an execution comes to: results, and the record of one that is suspended.
import type { JsonValue } from '../ir/ir.ts';
import { detailsOf } from './caught.ts';
import { type ResumableProgram, stateOf } from './checkpoint-state.ts';
import type { ScaiCoreError } from './errors.ts';
import type { Execution } from './execution.ts';
import type { Task } from './frame.ts';
import { type CheckpointRecord, type ExecutionResult, ExecutionStatus } from './host-environment.ts';
import type { Program } from './program.ts';
import { uuidFrom } from './stdlib/host-calls.ts';
import { isWithin, PARTS_MAX, tooLarge } from './value-size.ts';

const NO_USAGE: ExecutionResult['usage'] = Object.freeze({
  llmCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  steps: 0,
});

function usageOf(execution: Execution): ExecutionResult['usage'] {
  const { llmCalls, inputTokens, outputTokens, cost } = execution.usage;
  return { llmCalls, inputTokens, outputTokens, cost, steps: execution.steps };
}

export function completed(execution: Execution, output: JsonValue, startedMs: number): ExecutionResult {
  const { telemetry, env, scope } = execution;
  if (!isWithin(output, PARTS_MAX)) return failed(execution, tooLarge());
  telemetry?.completed(output, env.clock.nowMs() - startedMs);
  return {
    status: ExecutionStatus.COMPLETED,
    executionId: scope.executionId,
    output,
    usage: usageOf(execution),
  };
}

export function failed(execution: Execution, error: ScaiCoreError): ExecutionResult {
  execution.telemetry?.failed(error);
  return { ...failedWithout(execution.scope.executionId, error), usage: usageOf(execution) };
}

/** Of an execution that never began. */
export function failedWithout(executionId: string, error: ScaiCoreError): ExecutionResult {
  const { message, errorType, cause } = error;
  const told = { message, errorType, details: detailsOf(error), ...(cause !== undefined && { cause }) };
  return { status: ExecutionStatus.FAILED, executionId, error: told, usage: NO_USAGE };
}

export function suspended(execution: Execution | undefined, record: CheckpointRecord): ExecutionResult {
  const { checkpoint_id: checkpointId, prompt, checkpoint_type: type, payload, options } = record;
  return {
    status: ExecutionStatus.SUSPENDED,
    executionId: record.execution_id,
    checkpoint: { checkpointId, prompt, type, payload, options, record },
    usage: execution ? usageOf(execution) : NO_USAGE,
  };
}

export function recordOf(task: Task, program: Program & ResumableProgram): CheckpointRecord {
  const { execution, suspension } = task;
  if (!suspension) throw new Error('a task was suspended without a question');
  task.suspension = undefined;
  const { env, scope } = execution;
  const state = stateOf(task, program);
  const createdMs = env.clock.wallMs();
  const { timeoutMs, onTimeout, hitlTarget, assignee, priority } = suspension;
  const [outermost] = state.frames;
  const blockIndex = outermost?.path[0];
  return {
    checkpoint_id: uuidFrom(env.rng.hex(16)),
    core_name: scope.core,
    core_version: scope.coreVersion,
    execution_id: scope.executionId,
    flow_name: scope.flow,
    block_index: typeof blockIndex === 'number' ? blockIndex : 0,
    block_path: state.frames.at(-1)?.path ?? [],
    ...(scope.instanceKey !== undefined && { instance_key: scope.instanceKey }),
    checkpoint_type: suspension.checkpointType,
    prompt: suspension.prompt,
    payload: suspension.payload,
    options: suspension.options,
    ...(timeoutMs !== undefined && { timeout_ms: timeoutMs, expires_at_ms: createdMs + timeoutMs }),
    ...(onTimeout !== undefined && { on_timeout: onTimeout }),
    ...(hitlTarget !== undefined && { hitl_target: hitlTarget }),
    ...(assignee !== undefined && { assignee }),
    ...(priority !== undefined && { priority }),
    created_at_ms: createdMs,
    state,
  };
}
