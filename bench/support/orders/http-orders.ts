import { Agent, request } from 'node:http';
import { runConcurrently } from '../concurrency.ts';
import type { DurablePeer } from './durable-peers.ts';
import { type OrderRate, warmUp } from './order-rate.ts';

/** Completes orders of a peer, by `callers` at a time over connections that are kept. */
export async function measurePeer(peer: DurablePeer, orders: number, callers: number): Promise<OrderRate> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  try {
    const place = () => post(agent, peer.url);
    await warmUp((count) => runConcurrently(count, callers, place));
    const [startMs, cpuSeconds] = [performance.now(), peer.cpuSeconds()];
    await runConcurrently(orders, callers, place);
    return {
      perSecond: orders / ((performance.now() - startMs) / 1_000),
      cpuMs: ((peer.cpuSeconds() - cpuSeconds) * 1_000) / orders,
    };
  } finally {
    agent.destroy();
  }
}

function post(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json' } }, (answer) => {
      const { statusCode } = answer;
      const end = () => (statusCode === 200 ? resolve() : reject(new Error(`${url} answered ${statusCode}`)));
      answer.on('error', reject).on('end', end).resume();
    });
    call.on('error', reject).end('{}');
  });
}
