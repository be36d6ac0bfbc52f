import { cors } from '@connectrpc/connect';

/** The request headers of Connect and gRPC-Web that a browser sends to another origin only if that allows them. */
export const protocolHeaders: readonly string[] = cors.allowedHeaders.map((name) => name.toLowerCase());
