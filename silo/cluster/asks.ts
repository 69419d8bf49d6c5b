// Asks: questions from process to process that are not messages to grains: reports, lists, emissions of volatile grains.
//   Q1. Every ask settles: with the answer, or with an error when the link closes or nobody answers in time.
import {
  type Clock,
  fromReport,
  fromUnknown,
  GrainError,
  type TimerHandle,
  toReport,
} from '../../lib/index.ts';
import type { ErrorReport } from '../../lib/index.ts';
import type { Link } from '../transport/link-messages.ts';

export const ASK_TIMEOUT_MS = 2_000;

/** Answers one kind of question; what it gives must be a plain value. */
export type Responder = (body: unknown) => unknown;

interface Question {
  readonly id: number;
  readonly kind: string;
  readonly body: unknown;
}

interface Answer {
  readonly id: number;
  readonly body?: unknown;
  readonly error?: ErrorReport;
}

interface Open {
  readonly link: Link;
  readonly timer: TimerHandle;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: GrainError) => void;
}

export class Asks {
  readonly #clock: Clock;
  readonly #responders: ReadonlyMap<string, Responder>;
  readonly #open = new Map<number, Open>();
  #lastId = 0;

  constructor(clock: Clock, responders: ReadonlyMap<string, Responder>) {
    this.#clock = clock;
    this.#responders = responders;
  }

  /** @throws (rejects) ERR_LINK_LOST, or what the other side said */
  ask(link: Link, kind: string, body: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(ASK_TIMEOUT_MS, () => this.#fail(id, 'no answer in time'));
      this.#open.set(id, { link, timer, resolve, reject });
      try {
        link.control('ask', { id, kind, body } satisfies Question);
      } catch (error) {
        this.#take(id)?.reject(fromUnknown(error));
      }
    });
  }

  /** A question came. */
  onAsk(link: Link, body: unknown): void {
    const question = body as Partial<Question> | null;
    if (typeof question?.id !== 'number' || typeof question.kind !== 'string') return;
    const { id } = question;
    const tell = (answer: Omit<Answer, 'id'>): void => {
      if (link.isOpen) link.control('answer', { id, ...answer });
    };
    const failed = (error: unknown): void => {
      try {
        tell({ error: toReport(fromUnknown(error)) });
      } catch {
        // It cannot be told either: whoever asked waits its time.
      }
    };
    try {
      const responder = this.#responders.get(question.kind);
      if (!responder)
        throw new GrainError('ERR_LINK_INVALID', { message: `nobody answers ${question.kind}` });
      Promise.resolve(responder(question.body))
        .then((answer) => tell({ body: answer }))
        .catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  onAnswer(body: unknown): void {
    const answer = body as Partial<Answer> | null;
    if (typeof answer?.id !== 'number') return;
    const open = this.#take(answer.id);
    if (!open) return;
    if (answer.error) open.reject(fromReport(answer.error));
    else open.resolve(answer.body);
  }

  onClosed(link: Link): void {
    for (const [id, open] of [...this.#open]) if (open.link === link) this.#fail(id, 'the link closed');
  }

  #fail(id: number, message: string): void {
    this.#take(id)?.reject(new GrainError('ERR_LINK_LOST', { message }));
  }

  #take(id: number): Open | undefined {
    const open = this.#open.get(id);
    if (!open) return undefined;
    this.#open.delete(id);
    open.timer.cancel();
    return open;
  }
}
