import { type FastifyInstance, fastify } from 'fastify';
import { maxBodyBytes } from './http-faults.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server.ts';

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
  });
  if (http === undefined) throw new TypeError('Fastify has created no server');
  app.removeAllContentTypeParsers();
  for (const name of ['match', 'page', 'exchange', 'failure']) app.decorateRequest(name, undefined);
  return { app, http };
}
