import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { readJournal } from './support/journal.ts';
import { type RecordedRun, rebuild } from './support/rebuild.ts';
import { compiler, loseSyncs, recorded } from './support/recorder.ts';
import * as variants from './support/variants.ts';

describeWithServer(compiler, 'what a disk may hold after a power cut', () => {
  let folder: TempFolder;
  let root: string;
  let rebuilds = 0;

  beforeEach(async () => {
    folder = await tempFolder();
    root = join(realpathSync(folder.path), 'root');
    mkdirSync(root);
  });

  afterEach(() => folder[Symbol.asyncDispose]());

  /** Runs a script in the recorded folder. `base` has the files before it. */
  async function run(script: string, base: Record<string, string> = {}, lostSyncs: string[] = []) {
    for (const [name, text] of Object.entries(base)) writeFileSync(join(root, name), text);
    cpSync(root, join(folder.path, 'base'), { recursive: true });
    const journal = join(folder.path, 'journal');
    loseSyncs(journal);
    const helpers = `
      const { ftruncateSync, mkdirSync, openSync, writeSync, fsyncSync, fdatasyncSync, closeSync, renameSync, linkSync, unlinkSync, rmSync } = fs;
      const syncFolder = (path) => { const fd = openSync(path, 'r'); fsyncSync(fd); closeSync(fd); };`;
    const process_ = spawnCommand({
      command: [process.execPath, '-e', `process.chdir(${JSON.stringify(root)});${helpers}${script}`],
      environment: recorded({ journal, root, lostSyncs }),
    });
    expect(await process_.ended, process_.stderr()).toEqual({ code: 0, signal: null });
    return { base: join(folder.path, 'base'), root, records: readJournal(journal) };
  }

  /** Returns the files of a disk, by path. */
  function disk(recording: RecordedRun, variant: variants.Variant, position = Number.POSITIVE_INFINITY) {
    rebuilds += 1;
    const target = join(folder.path, `disk-${rebuilds}`);
    rebuild(recording, position, variant, target);
    return filesOf(target);
  }

  it('has everything if the process was only killed', async () => {
    const recording = await run(
      `const fd = openSync('a', 'r+');
       writeSync(fd, 'one', 2); writeSync(fd, 'two'); ftruncateSync(fd, 9); closeSync(fd);
       const log = openSync('log', 'a'); writeSync(log, 'x'); writeSync(log, 'yz'); closeSync(log);
       fs.writevSync(openSync('parts', 'w'), [Buffer.from('p'), Buffer.from('q')]);
       fs.writeFileSync('emptied', 'new'); mkdirSync('below'); renameSync('log', 'below/log2'); linkSync('a', 'b');
       unlinkSync('gone'); mkdirSync('was'); rmSync('was', { recursive: true });`,
      { a: '', gone: '1', emptied: 'longer before' },
    );
    const found = disk(recording, variants.everything);
    expect(found).toEqual(filesOf(root));
    expect(found).toMatchObject({ 'below/log2': 'xyz', parts: 'pq', emptied: 'new' });
    expect(disk(recording, variants.onlySynced)).toEqual({ a: '', gone: '1', emptied: 'longer before' });
  });

  it('has the content of the last sync for certain, and what came later in any choice', async () => {
    const recording = await run(
      `const fd = openSync('a', 'r+');
       writeSync(fd, 'A'.repeat(1024), 0); fdatasyncSync(fd);
       writeSync(fd, 'B'.repeat(1024), 0); writeSync(fd, 'C'.repeat(1024), 1024);`,
      { a: '' },
    );
    const [A, B, C] = ['A', 'B', 'C'].map((letter) => letter.repeat(1024));
    expect(disk(recording, variants.onlySynced)).toEqual({ a: A });
    expect(disk(recording, variants.withoutLast)).toEqual({ a: B });
    expect(disk(recording, variants.withoutFirst)).toEqual({ a: `${A}${C}` });
    expect(disk(recording, variants.tornLast)).toEqual({ a: `${B}${C?.slice(512)}` });
    const firstWrite = recording.records.find(({ data }) => data.length > 0)?.end;
    expect(disk(recording, variants.everything, firstWrite)).toEqual({ a: A });
    expect(disk(recording, variants.onlySynced, firstWrite)).toEqual({ a: '' });
    const seen = Array.from({ length: 40 }, (_, seed) => disk(recording, variants.random(seed)).a);
    expect(new Set(seen).size).toBeGreaterThan(3);
    expect(disk(recording, variants.random(7))).toEqual(disk(recording, variants.random(7)));
  });

  it('has the names of new, renamed and deleted files only once their folder was synced', async () => {
    const script = (sync: string) =>
      `const fd = openSync('new.part', 'w'); writeSync(fd, 'mail'); fsyncSync(fd); closeSync(fd);
       renameSync('new.part', 'new'); unlinkSync('old'); ${sync}`;
    const unsynced = await run(script(''), { old: 'text' });
    expect(disk(unsynced, variants.onlySynced)).toEqual({ old: 'text' });
    expect(disk(unsynced, variants.namesOnly)).toEqual({ new: 'mail' });
  });

  it('has the names of a synced folder', async () => {
    const recording = await run(
      `mkdirSync('mail'); syncFolder('.'); const fd = openSync('mail/1', 'w'); writeSync(fd, 'mail'); syncFolder('mail');`,
    );
    expect(disk(recording, variants.onlySynced)).toEqual({ 'mail/1': '' });
    expect(disk(recording, variants.contentOnly)).toEqual({ 'mail/1': 'mail' });
  });

  it('does not have what a sync that is a planted bug was called for', async () => {
    const script = `const fd = openSync('a', 'r+'); writeSync(fd, 'mine'); fsyncSync(fd);`;
    const recording = await run(script, { a: '' }, ['*/a']);
    expect(disk(recording, variants.onlySynced)).toEqual({ a: '' });
    expect(disk(recording, variants.everything)).toEqual({ a: 'mine' });
  });

  it('fails if a process changes files in a way that it does not know', async () => {
    await expect(run(`fs.symlinkSync('a', 'b');`)).rejects.toThrow('the power-cut test does not model this');
  });
});

function filesOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}
