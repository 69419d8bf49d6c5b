import type { Envelope } from '../messaging/envelope.ts';
import type { HostedFlow } from './hosted-flow.ts';

/** An envelope that found its Core: the flow is known, or a refusal that the grain has to record at the mark. */
export interface Message {
  readonly envelope: Envelope;
  /** Undefined for `forget`, for a reminder (the grain knows its flow), and for a refusal. */
  readonly flow: HostedFlow | undefined;
}
