import { Histogram, type Registry } from 'prom-client';

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export interface CountedHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
  readonly labelNames: string[];
  /** Upper bounds in milliseconds; the series are in seconds. */
  readonly boundsMs: readonly number[];
}

/** A histogram of durations that were counted elsewhere. */
export class CountedHistogram extends Histogram {
  readonly #options: CountedHistogramOptions;
  #samples: Sample[] = [];

  constructor(options: CountedHistogramOptions) {
    const { name, help, registry, labelNames } = options;
    super({ name, help, labelNames, registers: [registry] });
    this.#options = options;
  }

  clear(): void {
    this.#samples = [];
  }

  /** `counts` holds one number per bound, then that of everything above the last. */
  add(labels: Readonly<Record<string, string>>, counts: readonly number[], sumMs: number): void {
    const { name, boundsMs } = this.#options;
    const samples = this.#samples;
    let total = 0;
    boundsMs.forEach((boundMs, index) => {
      total += counts[index] ?? 0;
      samples.push({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: boundMs / 1_000 },
        value: total,
      });
    });
    total += counts[boundsMs.length] ?? 0;
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total });
    samples.push({ metricName: `${name}_sum`, labels, value: sumMs / 1_000 });
    samples.push({ metricName: `${name}_count`, labels, value: total });
  }

  /** What prom-client asks histograms for, in place of `get` (lib/histogram.js); its types leave it out. */
  getForPromString(): Promise<{ name: string; help: string; type: 'histogram'; values: Sample[] }> {
    const { name, help } = this.#options;
    return Promise.resolve({ name, help, type: 'histogram', values: this.#samples });
  }
}
