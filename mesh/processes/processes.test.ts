import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../storage/sqlite/folder-lock.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { describeLockHolder } from './lock-holder.ts';
import { describePortUser } from './port-user.ts';
import { describeProcess } from './proc.ts';

const thisProcess = `process ${process.pid} \\(.+\\)`;

describe('describePortUser', () => {
  const open: Server[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });

  async function listen(): Promise<number> {
    const server = createServer((socket) => socket.resume().on('end', () => socket.end()));
    open.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('names the process that listens', async () => {
    expect(describePortUser(await listen())).toMatch(
      new RegExp(`^${thisProcess} listens there; stop it or choose another port$`),
    );
  });

  it('names the process of an outgoing connection, and says when a connection has only ended', async () => {
    const socket = connect(await listen(), '127.0.0.1');
    await once(socket, 'connect');
    const port = socket.localPort ?? 0;
    expect(describePortUser(port)).toMatch(new RegExp(`^${thisProcess} has the port for an outgoing connection; `));
    socket.resume().end();
    await once(socket, 'close');
    expect(describePortUser(port)).toMatch(/TIME_WAIT\): start again in a minute, /);
    const refused = createServer().listen(port, '127.0.0.1');
    await expect(once(refused, 'listening')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('says nothing about a free port', async () => {
    const port = await listen();
    const [server] = open.splice(0);
    server?.close();
    expect(describePortUser(port)).toBeUndefined();
  });
});

describe('describeProcess', () => {
  it('shows the command line', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log()', 'services/main.ts']);
    await once(child.stdout, 'data');
    expect(describeProcess(child.pid ?? 0)).toMatch(/^process \d+ \(\S*node.* services\/main\.ts\)$/);
    child.kill();
    await once(child, 'exit');
  });
});

describe('describeLockHolder', () => {
  it('names the process that has the lock', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'data');
    mkdirSync(path);
    const unlock = lockFolder(path);
    expect(describeLockHolder(join(path, '.lock'))).toMatch(new RegExp(`^${thisProcess}$`));
    unlock();
    expect(describeLockHolder(join(path, '.lock'))).toBeUndefined();
  });
});
