import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { type Carry, listenForCommands, sendCommand } from './control.ts';

const restart: Carry = async ([, name], say) => say(`${name} serves again`);

/** Refuses without a promise, as a check before the work does. */
const refuse: Carry = () => {
  throw new Error('the split mesh is still starting: try again');
};

describe('the control socket of a split mesh', () => {
  async function listen(carry: Carry) {
    const folder = await tempFolder();
    const path = join(folder.path, 'control');
    const commands = await listenForCommands(path, carry);
    const dispose = async () => {
      commands[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    };
    return { path, [Symbol.asyncDispose]: dispose };
  }

  it('passes on what is said while a command is carried out', async () => {
    await using socket = await listen(restart);
    const said: string[] = [];
    await sendCommand(socket.path, ['restart', 'order'], (line) => said.push(line));
    expect(said).toEqual(['order serves again']);
  });

  it('reports why a command is refused, and continues to listen', async () => {
    await using socket = await listen(refuse);
    for (const _ of [1, 2]) {
      await expect(sendCommand(socket.path, ['restart', 'all'], () => undefined)).rejects.toThrow('still starting');
    }
  });

  it('refuses to listen where another mesh does', async () => {
    await using socket = await listen(restart);
    await expect(listenForCommands(socket.path, restart)).rejects.toThrow('already running');
  });
});
