import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyReply } from 'fastify';
import { docsPath, methodNotAllowed } from '../errors.ts';
import { compress } from '../semantics/content-coding.ts';
import { readQualityValues } from '../semantics/quality-values.ts';
import { addVary } from '../semantics/vary.ts';

/** A file that the edge serves as it is. */
export interface Page {
  readonly body: Uint8Array;
  /** The same, compressed once for all callers. */
  readonly zipped: () => Promise<Uint8Array>;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads a page once. */
export type PageReader = () => Promise<Page>;

/** The OpenAPI document and a page to try its calls. */
export interface ApiDocs {
  /**
   * Returns what reads the page of a path, as the path was sent; `undefined`: it has none. Throws UNIMPLEMENTED
   * `METHOD_NOT_ALLOWED` for anything but GET and HEAD.
   */
  find(method: string, path: string): PageReader | undefined;
  /** Sends a browser that opens an entrance, such as `/`, to the docs. Returns whether it did: not for other paths and clients. */
  redirect(method: string, path: string, accept: string | undefined, reply: FastifyReply): boolean;
  /** The methods of a path; none if it has no page. */
  methodsOf(path: string): readonly string[];
}

/** The path of the OpenAPI document. */
const documentPath = '/api/openapi.json';
/**
 * A request for the document, as if it were a call: where calls are authenticated, it is for known callers only, as
 * reflection is. The page is for everyone: without the document, it shows nothing of the API.
 */
export const documentCall = { path: documentPath, contract: '', endsWithToken: false, isForAnyone: false } as const;
/** What people open first. */
const entrances: ReadonlySet<string> = new Set(['/', '/api', '/api/']);

const types = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
} as const;

/** The page runs scripts of this server only, and none that is written into it. Swagger UI has icons in data URLs. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page and its files. Swagger UI is optional in `@ordermesh/mesh`, as a package that it depends on reports installations: a
 * page says how to install it.
 */
function docsFiles(): Readonly<Record<string, URL>> {
  if (!hasSwaggerUi()) return asPage(new URL('docs/not-installed.html', import.meta.url));
  return {
    ...asPage(new URL('docs/index.html', import.meta.url)),
    [`${docsPath}/initializer.js`]: new URL('docs/initializer.js', import.meta.url),
    [`${docsPath}/swagger-ui-bundle.js`]: packaged('swagger-ui-bundle.js'),
    [`${docsPath}/swagger-ui.css`]: packaged('swagger-ui.css'),
    [`${docsPath}/favicon-32x32.png`]: packaged('favicon-32x32.png'),
  };
}

/** People type the second. Other paths with a slash at their end do not exist. */
function asPage(page: URL): Readonly<Record<string, URL>> {
  return { [docsPath]: page, [`${docsPath}/`]: page };
}

function hasSwaggerUi(): boolean {
  try {
    packaged('swagger-ui.css');
    return true;
  } catch {
    return false;
  }
}

/** Creates the pages: `document` is the OpenAPI document. Files are read when they are first asked for. */
export function createApiDocs(document: URL): ApiDocs {
  const files = { [documentPath]: document, ...docsFiles() };
  const pages = new Map(Object.entries(files).map(([path, file]) => [path, once(() => readPage(file))]));
  return {
    find(method, path) {
      const page = pages.get(path);
      if (page && method !== 'GET' && method !== 'HEAD') throw methodNotAllowed({ method, allow: ['GET', 'HEAD'] });
      return page;
    },
    redirect(method, path, accept = '', reply) {
      if (!entrances.has(path) || (method !== 'GET' && method !== 'HEAD')) return false;
      const isBrowser = readQualityValues(accept).some(({ value, quality }) => value === 'text/html' && quality > 0);
      if (!isBrowser) return false;
      addVary(reply, 'accept');
      reply.code(302).header('location', docsPath).send();
      return true;
    },
    methodsOf: (path) => (pages.has(path) ? ['GET', 'HEAD'] : []),
  };
}

function packaged(file: string): URL {
  return new URL(import.meta.resolve(`swagger-ui-dist/${file}`));
}

async function readPage(file: URL): Promise<Page> {
  const body = await readFile(file);
  const extension = file.pathname.split('.').at(-1) as keyof typeof types;
  return {
    body,
    zipped: once(() => compress(body)),
    etag: createHash('sha256').update(body).digest('base64url').slice(0, 22),
    headers: {
      'content-type': types[extension],
      // Kept, but not used without asking: the next version has the same paths.
      'cache-control': extension === 'json' ? 'private, no-cache' : 'no-cache',
      ...(extension === 'html' && { 'content-security-policy': contentSecurityPolicy }),
    },
  };
}

/** Runs `work` at the first call; a failure is not kept. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= work().catch((error) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
