import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A proxy in front of a DNS server, over UDP. */
export interface DnsProxy extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Changes all replies from now on; without one it does not answer. `undefined`: it forwards them as they are. */
  changeReplies(change: ((reply: Buffer) => Buffer | undefined) | undefined): void;
}

/** Starts a proxy on a free port. */
export async function startDnsProxy(target: string): Promise<DnsProxy> {
  const [host, port] = target.split(':');
  const front = createSocket('udp4');
  const links = new Set<Socket>();
  let change: (reply: Buffer) => Buffer | undefined = (reply) => reply;
  front.on('message', (query: Buffer, client: RemoteInfo) => {
    const link = createSocket('udp4');
    links.add(link);
    link.on('message', (reply: Buffer) => {
      links.delete(link);
      link.close();
      const changed = change(reply);
      if (changed) front.send(changed, client.port, client.address);
    });
    link.on('error', () => undefined);
    link.send(query, Number(port), host);
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    address: `127.0.0.1:${front.address().port}`,
    changeReplies(next = (reply) => reply) {
      change = next;
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) link.close();
      front.close();
    },
  };
}

/** Sets the response code of a reply. */
function withCode(code: number): (reply: Buffer) => Buffer {
  return (reply) => {
    const changed = Buffer.from(reply);
    changed.writeUInt8((changed.readUInt8(3) & 0xf0) | code, 3);
    return changed;
  };
}

/** What a DNS server may answer that is not an answer. */
export const badReplies: Readonly<Record<string, (reply: Buffer) => Buffer | undefined>> = {
  'does not answer': () => undefined,
  'answers SERVFAIL': withCode(2),
  'answers REFUSED': withCode(5),
  'sends bytes that are not a message': (reply) => Buffer.concat([reply.subarray(0, 2), Buffer.alloc(60, 0xff)]),
  'cuts its answers short': (reply) => reply.subarray(0, reply.length - 3),
  'asks for TCP, which it does not have': (reply) => {
    const changed = Buffer.from(reply);
    changed.writeUInt8(changed.readUInt8(2) | 0x02, 2);
    return changed;
  },
};
