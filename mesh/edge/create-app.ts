import { type FastifyInstance, fastify } from 'fastify';
import type { MeshError } from '../errors/mesh-error.ts';
import type { HttpCall } from './http-call.ts';
import { maxBodyBytes } from './http-faults.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server.ts';
import type { PageReader } from './openapi/api-docs.ts';
import type { RestMatch } from './rest.ts';
import type { Exchange } from './semantics/semantics.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request on its way through the edge. */
    call: HttpCall;
    /** Its endpoint; only after the hook that finds it. */
    match: RestMatch | undefined;
    /** The page that it asks for, in place of an endpoint. */
    page: PageReader | undefined;
    /** What its headers ask for; only after they were read. */
    exchange: Exchange | undefined;
    /** What it failed with. */
    failure: MeshError | undefined;
  }
}

/** Fastify with nothing but its life cycle: paths, JSON and errors are those of the edge. */
export function createApp(options: HttpServerOptions): { readonly app: FastifyInstance; readonly http: HttpServer } {
  let http: HttpServer | undefined;
  const app = fastify({
    serverFactory: (listener) => {
      http = createHttpServer(listener, options);
      return http.server;
    },
    // A route of Fastify would decode a path before it is matched.
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: () => '',
    bodyLimit: maxBodyBytes,
    return503OnClosing: false,
    // The server answers them. Fastify would close the connection before that is sent.
    clientErrorHandler: () => undefined,
  });
  if (http === undefined) throw new TypeError('Fastify has created no server');
  app.removeAllContentTypeParsers();
  for (const name of ['match', 'page', 'exchange', 'failure']) app.decorateRequest(name, undefined);
  return { app, http };
}
