// `granary/engine`: programs without a silo. A host loads a compiled module, hands it an environment, and invokes flows;
// nothing here opens a port or a store.
import type { Clock, TimerHandle } from '../lib/index.ts';
import { systemClock, systemRng } from '../lib/internal.ts';

// engine
export * from '../lib/lang/index.ts';
export type { Clock, Rng, TimerHandle } from '../lib/index.ts';
export { FakeClock, GrainError, SeededRng } from '../lib/index.ts';

// models and plugins
export type {
  ModelTool,
  OpenAiBackend,
  OpenAiOptions,
  StructuredOutput,
  TokenPrice,
  ToolContext,
  UsageReport,
} from './models/model-options.ts';
export { createOpenAiProvider, type OpenAiParts, type OpenAiProvider } from './models/openai-provider.ts';
export { RoutingModelProvider, type Routes } from './models/routing-model-provider.ts';
export { readModelSettings } from './models/settings.ts';
export { createHttpPlugins, type HttpPluginsParts } from './plugins/http-plugins.ts';
export { type HttpPlugin, type HttpPluginsOptions, readPluginSettings } from './plugins/plugin-options.ts';
export { isSignatureValid, type SignatureCheck } from './plugins/signature.ts';

// the machine's own time and chance
export { systemClock, systemRng };

/** `systemClock` for those who write `new SystemClock()`, as hosts in other languages do. */
export class SystemClock implements Clock {
  nowMs(): number {
    return systemClock.nowMs();
  }

  wallMs(): number {
    return systemClock.wallMs();
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    return systemClock.setTimer(delayMs, run);
  }

  defer(run: () => void): void {
    systemClock.defer(run);
  }
}
