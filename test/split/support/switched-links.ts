import { type FaultProxy, startFaultProxy } from '../../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';

/** Links to two instances of a service, of which one is open. */
export interface SwitchedLinks extends AsyncDisposable {
  /** Where callers find the instances. */
  readonly ports: readonly number[];
  /** Cuts all connections to the instance that is reached, and opens the link to the other one. */
  switch(): void;
}

/** `bytesPerSecond`: so slow that a stream has not arrived when it is cut off. */
export async function linkTo(addresses: readonly string[], bytesPerSecond: number): Promise<SwitchedLinks> {
  const targets = addresses.map((address) => Number(address.split(':')[1]));
  const nobody = await freePort();
  const proxies = await Promise.all(targets.map((port) => startFaultProxy(port, { bytesPerSecond })));
  let reached = 0;
  const route = (proxy: FaultProxy, index: number) => {
    const target = index === reached ? targets[index] : nobody;
    proxy.routeTo(target ?? nobody);
    if (target === nobody) proxy.cut();
  };
  proxies.forEach(route);
  return {
    ports: proxies.map(({ port }) => port),
    switch() {
      reached = 1 - reached;
      proxies.forEach(route);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
