// Leaving what surrounds an instruction: budgets end, blocks say so. Errors and jumps both go this way, so that what was
// entered is always left.
import { bindingOf, catchOf } from './caught.ts';
import type { ScaiCoreError } from './errors.ts';
import type { Frame, Region, Task } from './frame.ts';

/** Goes out from `from` to `until`, which is not left: by a jump, or with the error that failed what is left. */
export function leave(frame: Frame, task: Task, from: Region | undefined, until: Region | undefined): void {
  for (let at = from; at && at !== until; at = at.parent) leaveOne(frame, task, at, undefined);
}

function leaveOne(frame: Frame, task: Task, region: Region, error: ScaiCoreError | undefined): void {
  if (region.kind === 'budget') frame.budget = frame.budget?.parent;
  if (region.kind !== 'block') return;
  const { telemetry } = task.execution;
  if (error) telemetry?.blockFailed(region.label, error);
  else telemetry?.exited(region.label, null);
}

/** Goes out from where the frame stands to a catch that takes the error. @returns whether there is one in this frame */
export function catchIn(frame: Frame, task: Task, error: ScaiCoreError): boolean {
  for (let at = frame.flow.regionAt[frame.pc]; at; at = at.parent) {
    const clause = at.kind === 'try' ? catchOf(at.catches, error) : undefined;
    if (!clause) {
      leaveOne(frame, task, at, error);
      continue;
    }
    if (clause.slot !== undefined) frame.slots[clause.slot] = bindingOf(error);
    frame.pc = clause.target.pc;
    return true;
  }
  return false;
}
