import type { ConnectOptions, Engine, ServerHost, ServerHostOptions, Transport } from '../engine.ts';
import { InProcessHost } from './host.ts';
import { InProcessTransport } from './transport.ts';

/** An engine whose hosts answer calls of their own process without a connection. */
export interface InProcessEngine extends Engine {
  /**
   * Returns a transport to the host of this engine that listens at `host:port`. Messages are encoded and decoded, but there is no
   * connection: no HTTP/2, no TLS and no compression. What that host does not serve itself, and calls while no host listens
   * there, go over a connection as those of `connect`. `peerService`: the service that the certificate of this process names, if
   * the host asks for certificates.
   */
  connectInProcess(address: string, options?: ConnectOptions, peerService?: () => string | undefined): Transport;
}

/** Returns `engine`, whose hosts also answer calls of this process without a connection. */
export function withInProcessCalls(engine: Engine): InProcessEngine {
  const hosts = new Map<string, InProcessHost>();
  let connections = 0;
  const hostAt = (address: string) => hosts.get(address) ?? hosts.get(wildcardOf(address));
  return {
    ...engine,
    createServerHost: (options) => createHost(engine, options, hosts),
    connectInProcess(address, options, peerService = () => undefined) {
      connections += 1;
      const from = {
        address: `in-process:${connections}`,
        get service() {
          return peerService();
        },
        leave: () => undefined,
      };
      return new InProcessTransport(
        from,
        () => hostAt(address),
        () => engine.connect(address, options),
      );
    },
  };
}

/** A host that listens for connections, and answers calls of this process while it does. */
function createHost(engine: Engine, options: ServerHostOptions, hosts: Map<string, InProcessHost>): ServerHost {
  const wire = engine.createServerHost(options);
  const inProcess = new InProcessHost(options);
  let listening = '';
  let drained: Promise<void> | undefined;

  async function drain(graceMs: number): Promise<void> {
    const endMs = performance.now() + graceMs;
    inProcess.announceDrain();
    // Calls that came over a connection may need others of this process to end.
    await wire.drain(graceMs);
    if (hosts.get(listening) === inProcess) hosts.delete(listening);
    await inProcess.drain(Math.max(0, endMs - performance.now()));
  }

  return {
    get openConnections() {
      return wire.openConnections;
    },
    get boundAddress() {
      return wire.boundAddress;
    },
    add(method, handler) {
      wire.add(method, handler);
      inProcess.add(method, handler);
    },
    ...(wire.forward && { forward: (forwarder) => wire.forward?.(forwarder) }),
    async listen(address, setting) {
      const port = await wire.listen(address, setting);
      listening = wire.boundAddress ?? address;
      hosts.set(listening, inProcess);
      return port;
    },
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };
}

/** The address of a listener at all addresses, which is called by one of them. */
function wildcardOf(address: string): string {
  const host = address.startsWith('[') ? '[::]' : '0.0.0.0';
  return `${host}${address.slice(address.lastIndexOf(':'))}`;
}
