import assert from 'node:assert/strict';
import { frameLines, loadOf, systemTerminal, type Terminal, widthOf } from '../../../gateway/internal.ts';
import type { ClusterReport, SiloReport } from '../../../silo/index.ts';

const SILO: SiloReport = {
  silo: 'silo',
  incarnation: 'i1',
  state: 'active',
  uptimeMs: 10_000,
  activations: 3,
  activationBytes: 1_048_576,
  turnsStarted: 1_000,
  turnsFailed: 10,
  turnsRunning: 1,
  messagesWaiting: 2,
  commits: 500,
  commitsFailed: 0,
  commandsCutShort: 0,
  activated: 5,
  deactivated: { idle: 2 },
  eventLoopDelayMs: 1.5,
  heapUsedBytes: 10_485_760,
  hottest: [{ core: 'airport', key: 'J\u001b[2JFK', turns: 99 }],
  longestMailboxes: [{ core: 'board', key: '', waiting: 2 }],
  slowest: [{ core: 'airport', key: 'JFK', flow: 'record', ms: 12.34 }],
  turnMs: { bounds: [1], counts: [900, 100], sum: 500 },
};
const report = (change: Partial<SiloReport>): ClusterReport => ({ view: 1, silos: [{ ...SILO, ...change }] });

function terminalOf(columns: number): Terminal {
  const stream = { isTTY: true, columns, rows: 24, write: () => true } as unknown as NodeJS.WriteStream;
  return systemTerminal({ stdout: stream, stderr: stream, env: { NO_COLOR: '1' } });
}

describe('top: one picture', () => {
  it('rates: what grew between two looks, over the time between them', () => {
    const later = report({
      uptimeMs: 12_000,
      turnsStarted: 1_200,
      turnsFailed: 12,
      commits: 600,
      turnMs: { bounds: [1], counts: [1_000, 200], sum: 700 },
    });
    const load = loadOf(later, report({}));
    assert.equal(load.turnsPerSecond, 100);
    assert.equal(load.failedPerSecond, 1);
    assert.equal(load.commitsPerSecond, 50);
    assert.equal(load.turnMs, 1);
    assert.equal(load.activations, 3);
  });

  it('rates: after a restart, those since the start and none below zero', () => {
    const load = loadOf(report({ incarnation: 'i2', uptimeMs: 1_000, turnsStarted: 5 }), report({}));
    assert.equal(load.turnsPerSecond, 5);
  });

  it('any width and height: no line is wider, no more lines than rows, nothing of a key steers the terminal', () => {
    for (const columns of [20, 45, 80, 200]) {
      const facts = {
        url: 'http://127.0.0.1:7400',
        now: report({}),
        before: undefined,
        time: '12:00:00',
        rows: 12,
      };
      const lines = frameLines(terminalOf(columns), facts);
      assert.ok(lines.length <= 12);
      for (const line of lines) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
      // eslint-disable-next-line no-control-regex -- that there is none is the point
      assert.doesNotMatch(lines.join('\n'), /\u001b/);
    }
    const all = frameLines(terminalOf(80), {
      url: 'http://127.0.0.1:7400',
      now: report({}),
      before: undefined,
      time: '12:00:00',
      rows: undefined,
    }).join('\n');
    assert.match(all, /99 {2}airport\/J\ufffd\[2JFK/);
    assert.match(all, /2 {2}board\n/);
    assert.match(all, /12\.3 {2}airport\/JFK record/);
  });
});
