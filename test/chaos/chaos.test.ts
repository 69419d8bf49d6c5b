// A short chaos run, as a part of `npm test`; `npm run chaos -- --minutes 30` is the long one.
import assert from 'node:assert/strict';
import { needsRedis } from '../support/redis-server.ts';
import { runChaos } from './chaos-run.ts';
import { DEFAULTS } from './chaos-types.ts';
import { reportText } from './report-text.ts';

/** Another one shows other faults; a failing run names its own. */
const SEED = 3;
const DURATION_MS = 15_000;

needsRedis('Chaos', () => {
  it('killed, stopped, drained, cut off: everything acknowledged took effect once; a loss of all data is told', async function () {
    this.timeout(240_000);
    const said: string[] = [];
    const report = await runChaos({
      ...DEFAULTS,
      seed: SEED,
      durationMs: DURATION_MS,
      sessionTtlMs: 1_500,
      pauseMostMs: 1_000,
      isFromSource: true,
      load: { ...DEFAULTS.load, accounts: 100, callers: 8, rate: 200 },
      say: (line) => void said.push(line),
    });
    assert.equal(report.violationCount, 0, `${reportText(report)}\n${said.slice(-30).join('\n')}`);
    assert.ok(report.faults > 2 && report.changes > 500, reportText(report));
    assert.equal(report.events.acknowledged, report.events.sent);
    assert.ok(report.losses.isReported && report.losses.refusedStart && report.losses.refusedCalls > 0);
  });
});
