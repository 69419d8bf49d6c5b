// How long storage remembers what lets a grain recognise a repetition.
import type { StoredCommand, StoredMark } from './grain-storage.ts';

/** A session lives 24 h after its last hello; its marks outlive it (hazards.md 11). */
export const MARK_KEPT_MS = 48 * 3_600_000;
/** Command ids are remembered in this window (hazards.md 10, P5) … */
export const COMMAND_KEPT_MS = 10 * 60_000;
/** … and no more than so many per grain. */
export const COMMANDS_KEPT = 1_000;

export function isMarkKept({ wallMs }: StoredMark, nowWallMs: number): boolean {
  return wallMs > nowWallMs - MARK_KEPT_MS;
}

export function isCommandKept({ wallMs }: StoredCommand, nowWallMs: number): boolean {
  return wallMs > nowWallMs - COMMAND_KEPT_MS;
}
