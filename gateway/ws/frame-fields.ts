// Fields of frames that came from outside, each with its rule. The errors say which field of which frame is wrong.
import { GrainError, keyFrom } from '../../lib/index.ts';
import type { FrameId } from '../protocol.ts';
import type { RawFrame } from './frame-codec.ts';

const TEXT_MAX = 256;

export function frameError(frame: RawFrame, problem: string): GrainError {
  const name = typeof frame['t'] === 'string' ? frame['t'].slice(0, 20) : 'frame';
  return new GrainError('ERR_FRAME_INVALID', { message: `${name}: ${problem}` });
}

/** The frame's own name for a call or subscription. @throws ERR_FRAME_INVALID */
export function idOf(frame: RawFrame): FrameId {
  const id = frame['id'];
  if (isFrameId(id)) return id;
  throw frameError(frame, `id must be a string of 1 to ${TEXT_MAX} characters or a whole number`);
}

export function isFrameId(id: unknown): id is FrameId {
  if (typeof id === 'string') return id.length > 0 && id.length <= TEXT_MAX;
  return Number.isSafeInteger(id);
}

/** @throws ERR_FRAME_INVALID */
export function textOf(frame: RawFrame, field: string): string {
  const text = frame[field];
  if (typeof text === 'string' && text.length > 0 && text.length <= TEXT_MAX) return text;
  throw frameError(frame, `${field} must be a string of 1 to ${TEXT_MAX} characters`);
}

/** @throws ERR_FRAME_INVALID */
export function optionalTextOf(frame: RawFrame, field: string): string | undefined {
  return frame[field] === undefined || frame[field] === null ? undefined : textOf(frame, field);
}

/** @throws ERR_FRAME_INVALID */
export function optionalCountOf(frame: RawFrame, field: string, least: number): number | undefined {
  const count = frame[field];
  if (count === undefined || count === null) return undefined;
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= least) return count;
  throw frameError(frame, `${field} must be a whole number, at least ${least}`);
}

/** @throws ERR_FRAME_INVALID */
export function countOf(frame: RawFrame, field: string, least: number): number {
  const count = optionalCountOf(frame, field, least);
  if (count !== undefined) return count;
  throw frameError(frame, `${field} is missing`);
}

/** The key that the frame names; undefined when it names none (singletons, or the host takes it). @throws ERR_KEY_INVALID */
export function keyOf(frame: RawFrame): string | undefined {
  const key = frame['key'];
  return key === undefined || key === null || key === '' ? undefined : keyFrom(key);
}
