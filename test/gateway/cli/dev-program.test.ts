import assert from 'node:assert/strict';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile, IRSerializer } from '../../../lib/lang/index.ts';
import { cleanUp, devHost, type RunningHost, runCli, SpawnedCli, tempFolder } from './spawned-cli.ts';

const PROGRAM = `import { rise } from "./rise"

@core Desk {
    version = "1.0.0"
    instance = :entity(key = "desk") { idle_timeout = 1m }
    @memory { total: int? }
    @config {
        @param most: int = 10
    }
}

@flow add(desk: string): int {
    memory.total = rise(memory.total ?? 0)
    return memory.total ?? 0
}

@flow limit(desk: string): int {
    return config.most
}

@flow ask(desk: string): string {
    answer = @checkpoint approval {
        present = { prompt = "Go on?" }
        options = ["yes", "no"]
    }
    return answer
}
`;
const rise = (by: number): string => `pub @transformer rise(n: int): int { return n + ${by} }\n`;

async function call(host: RunningHost, flow: string, body: object = {}): Promise<unknown> {
  const response = await fetch(`${host.url}/v1/cores/Desk/instances/a/flows/${flow}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data, error } = (await response.json()) as { data?: unknown; error?: { code: string } };
  return error ? error.code : data;
}

/** As editors do: a new file in the place of the old one. */
function replaceFile(folder: string, name: string, text: string): void {
  writeFileSync(path.join(folder, `${name}.new`), text);
  renameSync(path.join(folder, `${name}.new`), path.join(folder, name));
}

const files = (more: Readonly<Record<string, string>> = {}): string =>
  tempFolder({ 'desk.scaicore': PROGRAM, 'rise.scaicore': rise(1), ...more });

describe('Command line: dev of a program', function () {
  this.timeout(60_000);
  after(cleanUp);

  it('a source, is hosted with its settings; what it suspends is told to the store beside the data', async () => {
    const settings = JSON.stringify({ coreConfig: { Desk: { most: 7 } } });
    const folder = files({ 'granary.config.json': settings });
    const host = await devHost(['desk.scaicore'], { folder });
    assert.equal(await call(host, 'add'), 1);
    assert.equal(await call(host, 'limit'), 7);
    const { out } = await runCli(['inspect', '--url', host.url], { folder });
    assert.match(out, /Desk +1\.0\.0 +entity +committed +add limit ask resume checkpoints/);
    assert.doesNotMatch(out, /projector|expire/);
    const { status, checkpoint } = (await call(host, 'ask')) as {
      status: string;
      checkpoint: { checkpoint_id: string };
    };
    assert.equal(status, 'SUSPENDED');
    const decision = { checkpoint_id: checkpoint.checkpoint_id, resolution: { decision: 'yes' } };
    assert.equal(await call(host, 'resume', decision), 'yes');
    host.cli.kill('SIGTERM');
    assert.equal(await host.cli.ended, 0);
    assert.ok(existsSync(path.join(folder, '.granary/checkpoints/rows.sqlite')));
  });

  it('an import that changes, is loaded; one that breaks is told with its line, and changes nothing', async () => {
    const folder = files();
    const host = await devHost(['desk.scaicore'], { folder });
    assert.equal(await call(host, 'add'), 1);
    replaceFile(folder, 'rise.scaicore', rise(10));
    await host.cli.saw(/cores\.reloaded/);
    assert.equal(await call(host, 'add'), 11);
    replaceFile(folder, 'rise.scaicore', rise(10).replace('n + 10', 'm + 10'));
    await host.cli.saw(/ERR_CORE_FILE.*error\[E200\].*rise\.scaicore:1:/);
    assert.equal(await call(host, 'add'), 21);
  });

  it('a bundle, is hosted as its source is', async () => {
    const source = PROGRAM.replace(/^import.*\n/, '').replace(
      '@flow add',
      `${rise(2).replace('pub ', '')}\n@flow add`,
    );
    const { module, diagnostics } = compile(source);
    assert.ok(module, diagnostics.map(({ message }) => message).join());
    const folder = tempFolder({ 'broken.scaicore-ir': 'SCIRno' });
    writeFileSync(path.join(folder, 'desk.scaicore-ir'), new IRSerializer().serialize(module));
    const host = await devHost(['desk.scaicore-ir'], { folder });
    assert.equal(await call(host, 'add'), 2);
    const { code, err } = await runCli(['dev', 'broken.scaicore-ir', '--port', '0'], { folder });
    assert.equal(code, 2);
    assert.match(err, /ERR_CORE_FILE: broken\.scaicore-ir: /);
  });

  it('a source with several errors, is refused with all of them and their lines', async () => {
    const folder = files({
      'desk.scaicore': PROGRAM.replace('return answer', 'return nobody').replace('config.most', '"x"'),
    });
    const { code, err } = await runCli(['dev', 'desk.scaicore', '--port', '0'], { folder });
    assert.equal(code, 2);
    assert.match(err, /ERR_CORE_FILE: desk\.scaicore has 2 errors/);
    assert.match(err, /error\[E2\d\d\][^]*desk\.scaicore:\d+:\d+[^]*return nobody/);
  });

  it('for people: the banner shows the program, and nothing of the Cores behind it', async () => {
    const cli = new SpawnedCli(['dev', 'desk.scaicore', '--port', '0', '--data', 'memory'], {
      folder: files(),
    });
    await cli.saw(/Ctrl-C stops/);
    assert.match(cli.out, /Desk 1\.0\.0 +one per desk +add limit ask resume checkpoints/);
    assert.doesNotMatch(cli.out, /projector|checkpoint\.expire/);
    cli.kill('SIGINT');
    assert.equal(await cli.ended, 0);
  });
});
