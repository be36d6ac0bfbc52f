import { once } from 'node:events';
import type { ClientHttp2Session, SecureClientSessionOptions } from 'node:http2';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '@bufbuild/protobuf';
import { type TlsFolder, tlsFolder } from '../../mesh/security/tls/testing/tls-folder.ts';
import { type RawAnswer, rawCall, rawConnection } from '../../mesh/server/testing/raw-call.ts';
import { createTestCa } from '../../mesh/testing/certificates.ts';
import { grpcFrame } from '../../mesh/testing/grpc-frame.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { openIssuer } from '../identity/support/callers.ts';
import { encode, headersFrom, methodNamed } from './authenticated-mesh.ts';
import type { Who } from './expectations.ts';
import type { RestRequest } from './rest-request.ts';

/** Who calls, and how: the service that the certificate names, if there is one, and what the headers say. */
export interface ProcessCaller {
  readonly certificate?: string;
  readonly user?: Who;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A mesh of all services in a process of its own, with TLS and tokens, as it is started in production. */
export interface ProcessMesh extends AsyncDisposable {
  /** Calls a method by gRPC over TLS. */
  call(name: string, request: JsonObject, caller: ProcessCaller): Promise<RawAnswer>;
  /** Sends a request by HTTPS. */
  send(request: RestRequest, caller: ProcessCaller): Promise<{ readonly status: number; readonly body: string }>;
}

/** Starts it, on the engine of the test run. */
export async function startProcessMesh(): Promise<ProcessMesh> {
  await using started = new AsyncDisposableStack();
  const ca = await createTestCa();
  const folder = started.use(await tempFolder());
  const { issuer, settings } = await openIssuer(folder.path);
  // A process of several services has the certificate that is accepted for each.
  const { cert, key } = ca.issueFor('gateway');
  const files: TlsFolder = started.use(await tlsFolder({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca.cert }));
  const process = started.use(
    await startProcess({
      dataDir: `${folder.path}/data`,
      environment: { ...settings, ...files.settings, HTTP_LISTEN: '127.0.0.1:0', METRICS_LISTEN: '' },
    }),
  );
  const running = started.move();

  const sessions = new Map<string, Promise<ClientHttp2Session>>();
  /** One connection for each certificate and listener. */
  const sessionOf = (address: string, certificate = ''): Promise<ClientHttp2Session> => {
    const known = sessions.get(`${address} ${certificate}`);
    if (known !== undefined) return known;
    const own: SecureClientSessionOptions = certificate === '' ? {} : ca.issueFor(certificate);
    const opened = rawConnection(address, { ...own, ca: ca.cert }).then((session) =>
      session.on('error', () => undefined),
    );
    sessions.set(`${address} ${certificate}`, opened);
    running.defer(async () => (await opened).destroy());
    return opened;
  };
  const headersOfUser = headersFrom(issuer);
  const headersOf = async ({ user, headers }: ProcessCaller) => ({
    ...(user && (await headersOfUser(user))),
    ...headers,
  });
  return {
    async call(name, request, caller) {
      const session = await sessionOf(process.address, caller.certificate);
      const headers = { ...(await headersOf(caller)), 'grpc-timeout': '20S' };
      return await rawCall(session, `/${name}`, grpcFrame(encode(methodNamed(name), request)), headers);
    },
    async send({ verb, path, body, headers }, caller) {
      const session = await sessionOf(process.httpAddress ?? '', caller.certificate);
      const stream = session.request({
        ':method': verb,
        ':path': path,
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(await headersOf(caller)),
      });
      stream.end(body === undefined ? undefined : JSON.stringify(body));
      const [response] = await once(stream, 'response');
      return { status: response[':status'], body: await text(stream) };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
