import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import type { TestServer } from './servers.ts';

/** Machines on one network, which this process can reach too. They are gone when it goes out of scope. */
export interface Network extends Disposable {
  readonly machines: readonly Machine[];
}

/** A network namespace: processes in it have a network interface and ports of their own. */
export interface Machine {
  readonly host: string;
  /** Runs what follows on this machine. */
  readonly command: readonly string[];
  /** Loses every packet from it and to it, without an error, until `join`. */
  part(): void;
  join(): void;
}

/** iproute2, if this process may create network namespaces with it: as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN. */
export const networkNamespaces: TestServer = {
  name: 'iproute2 and the permission to create network namespaces',
  version: installed(),
};

export function createNetwork(machines: number): Network {
  const stack = new DisposableStack();
  try {
    // Interfaces have short names, and other test runs have networks too.
    const name = `om${randomInt(100_000)}`;
    const subnet = `10.${randomInt(200, 250)}.${randomInt(1, 250)}`;
    ip('link', 'add', name, 'type', 'bridge');
    stack.defer(() => ip('link', 'del', name));
    ip('addr', 'add', `${subnet}.254/24`, 'dev', name);
    ip('link', 'set', name, 'up');
    const created = Array.from({ length: machines }, (_, index) => {
      const namespace = `${name}-${index + 1}`;
      const port = `${name}v${index + 1}`;
      const host = `${subnet}.${index + 1}`;
      ip('netns', 'add', namespace);
      stack.defer(() => ip('netns', 'del', namespace));
      ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
      ip('link', 'set', port, 'master', name, 'up');
      ip('-n', namespace, 'addr', 'add', `${host}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      return {
        host,
        command: ['ip', 'netns', 'exec', namespace],
        part: () => ip('link', 'set', port, 'nomaster'),
        join: () => ip('link', 'set', port, 'master', name),
      };
    });
    const owned = stack.move();
    return { machines: created, [Symbol.dispose]: () => owned.dispose() };
  } catch (error) {
    stack.dispose();
    throw error;
  }
}

function installed(): string | undefined {
  try {
    createNetwork(1)[Symbol.dispose]();
    return ip('-V').match(/iproute2-([\d.]+)/)?.[1];
  } catch {
    return undefined;
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
