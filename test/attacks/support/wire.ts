import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ClientTls } from '../../../mesh/engines/engine.ts';
import { fixedIdentity } from '../../../mesh/engines/tls/fixed-identity.ts';
import type { TlsMaterial } from '../../../mesh/engines/tls/tls-options.ts';
import { TestAuthority } from '../../../mesh/testing/x509/test-authority.ts';

/** How attackers and well-behaved clients reach a server. */
export type Wire = 'plain' | 'tls';

/** Those of the quick attacks. */
export const wires: readonly Wire[] = ['plain', 'tls'];

/** That of all other attacks: `ATTACK_WIRE=tls` runs them over TLS. */
export const usualWire: Wire = process.env.ATTACK_WIRE === 'tls' ? 'tls' : 'plain';

/** The servers that speak TLS, by port, and what clients need for them. */
const secure = new Map<number, TlsMaterial>();
let authority: TestAuthority | undefined;

/** Returns what a server of this wire needs; `undefined`: nothing. */
export function serverMaterial(wire: Wire): TlsMaterial | undefined {
  if (wire === 'plain') return undefined;
  authority ??= TestAuthority.create();
  return { ...authority.issueFor('attacked'), ca: authority.cert };
}

/** The server at this port demands TLS and a certificate. */
export function addSecure(port: number, { ca }: TlsMaterial): void {
  if (authority) secure.set(port, { ...authority.issueFor('attacker'), ca });
}

/** Returns the TLS of a client of the server at this port; `undefined`: none. */
export function clientTls(port: number): ClientTls | undefined {
  const material = secure.get(port);
  return material && { identity: fixedIdentity(material) };
}

/** Connects to the server at this port, as it demands. */
export async function connectTo(port: number): Promise<Socket> {
  const material = secure.get(port);
  const where = { port, host: '127.0.0.1' };
  const socket = material
    ? connectTls({ ...where, key: material.key, cert: material.cert, ca: material.ca, ALPNProtocols: ['h2'] })
    : connect({ ...where, noDelay: true });
  await once(socket, material ? 'secureConnect' : 'connect');
  socket.setNoDelay(true);
  return socket;
}
