import type { FastifyReply } from 'fastify';

/** Adds request headers that an answer depends on to `vary`, which others may have written to already. */
export function addVary(reply: FastifyReply, names: string): void {
  const others = reply.getHeader('vary');
  reply.header('vary', others === undefined ? names : `${others}, ${names}`);
}
