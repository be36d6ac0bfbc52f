import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { eventually, tempFolder } from '#mesh/testing';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { startRestartable } from './restart-script.ts';

/** Writes the state of the process before it, and becomes one that takes some time to kill, because of its memory. */
const program = `cd "$(dirname "$0")"
[ -e before ] && echo "before: $(ps -o stat= -p "$(cat before)")"
echo $$ > before
exec "${process.execPath}" -e '
const memory = Buffer.alloc(600e6, 1);
require("node:net").createServer().listen(process.argv[1], "127.0.0.1", () => console.log("listens", memory.length))' $1
`;

describe('the restart script of docs/participants.md', () => {
  it('starts the server once the one before is dead', async () => {
    await using folder = await tempFolder();
    const file = (name: string) => join(folder.path, name);
    await writeFile(file('server.sh'), program);
    const port = await freePort();
    const command = ['sh', file('server.sh'), `${port}`];
    await using server = await startRestartable({ address: `127.0.0.1:${port}`, command }, folder.path);
    await promisify(execFile)('sh', ['-c', server.restart]);
    // A zombie is dead: it holds no port. One with threads left (l) may.
    const text = /^listens 600000000\nbefore: (Z[^l]*)?\nlistens 600000000\n$/;
    await eventually(async () => expect(await readFile(file('log'), 'utf8')).toMatch(text));
  });
});
