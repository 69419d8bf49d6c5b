// A provider in front of a fake server, on a clock whose pauses pass at once.
import { SeededRng } from '../../../lib/index.ts';
import {
  type ExecutionScope,
  type IRModel,
  type ModelRequest,
  ScaiCoreError,
} from '../../../lib/lang/index.ts';
import {
  createOpenAiProvider,
  type OpenAiOptions,
  type OpenAiProvider,
  type UsageReport,
} from '../../../silo/index.ts';
import { FakeModelServer } from '../../support/fake-model-server.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';

export const API_KEY = 'sk-very-secret-0123456789';

export const SCOPE: ExecutionScope = {
  core: 'shop/orders',
  coreVersion: '1.0.0',
  executionId: 'x-1',
  flow: 'main',
  instanceKey: undefined,
  identity: undefined,
  signal: undefined,
};

export function model(parts: Partial<IRModel> = {}): IRModel {
  return { provider: 'openai', model: 'm-1', modalities: ['text'], fallback: [], ...parts };
}

export function asking(parts: Partial<ModelRequest> = {}): ModelRequest {
  return {
    scope: SCOPE,
    role: 'primary',
    model: model(),
    messages: [{ role: 'user', content: 'hello there' }],
    outputSchema: undefined,
    outputType: undefined,
    timeoutMs: undefined,
    signal: undefined,
    ...parts,
  };
}

export class Bench {
  readonly server: FakeModelServer;
  readonly clock = new SkippingClock(20_000);
  readonly reports: UsageReport[] = [];

  private constructor(server: FakeModelServer) {
    this.server = server;
  }

  static async start(): Promise<Bench> {
    return new Bench(await FakeModelServer.start());
  }

  provider(options: Partial<OpenAiOptions> = {}): OpenAiProvider {
    return createOpenAiProvider(
      {
        providers: { openai: { baseUrl: this.server.baseUrl, apiKey: API_KEY } },
        onUsage: (report) => this.reports.push(report),
        ...options,
      },
      { clock: this.clock, rng: new SeededRng(1) },
    );
  }
}

/** The error that a call ended with. */
export async function errorOf(call: Promise<unknown>): Promise<ScaiCoreError> {
  const outcome = await call.then(
    (value) => new Error(`no error, but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (outcome instanceof ScaiCoreError) return outcome;
  throw outcome;
}
