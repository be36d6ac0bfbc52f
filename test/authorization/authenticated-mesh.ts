import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createFileRegistry,
  type DescMethod,
  fromBinary,
  fromJson,
  type JsonObject,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { TsProtoServiceDefinition } from 'nice-grpc';
import { Status } from '#mesh';
import { contractDescriptors } from '../../mesh/contract/declared-services.ts';
import { changeReasonKey } from '../../mesh/operator-actions/change-reason.ts';
import { createTestIssuer, type TestIssuer } from '../../mesh/security/testing/test-issuer.ts';
import { type RawAnswer, rawCall, rawConnection } from '../../mesh/server/testing/raw-call.ts';
import { grpcFrame } from '../../mesh/testing/grpc-frame.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import type { Who } from './expectations.ts';

/** The contracts of the mesh. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors)));

/** Every method of the contracts that are ours. */
export const allMethods: readonly DescMethod[] = [...registry]
  .filter((type) => type.kind === 'service')
  .filter(({ file }) => !file.proto.package.startsWith('grpc.'))
  .flatMap(({ methods }) => methods);

/** `user.v1.UserService/GetUser`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

export function methodNamed(name: string): DescMethod {
  const method = allMethods.find((each) => nameOf(each) === name);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method;
}

/** A mesh of all services in this process, which authenticates calls. */
export interface AuthenticatedMesh {
  readonly mesh: TestMesh;
  readonly issuer: TestIssuer;
  /** The headers of a user's call over gRPC and HTTP: a token and, of operators and admins, the reason `a test`. */
  headers(who: Who): Promise<Record<string, string>>;
  /** Calls a method as a user, or as nobody. */
  call(name: string, request: JsonObject, who: Who): Promise<RawAnswer>;
  /** Calls a method as a service of this process. Returns the status. */
  callAs(service: string, name: string, request: JsonObject): Promise<number>;
  stop(): Promise<void>;
}

/** Subjects and roles of users; others are services. */
export const users: Readonly<Partial<Record<Who, { readonly subject: string; readonly roles: readonly string[] }>>> = {
  owner: { subject: 'ada', roles: ['user'] },
  other: { subject: 'bob', roles: ['user'] },
  operator: { subject: 'olga', roles: ['operator'] },
  admin: { subject: 'adam', roles: ['admin'] },
};

function isStaff({ roles }: { readonly roles: readonly string[] }): boolean {
  return roles.some((role) => role !== 'user');
}

/** Returns what makes the headers of users' calls: a token and, of operators and admins, the reason `a test`. */
export function headersFrom(issuer: TestIssuer): (who: Who) => Promise<Record<string, string>> {
  const tokens = new Map<Who, Promise<string>>();
  return async (who) => {
    const user = users[who];
    if (user === undefined) return {};
    const token = tokens.get(who) ?? issuer.sign(user.subject, { claims: { roles: user.roles } });
    tokens.set(who, token);
    return { authorization: `Bearer ${await token}`, ...(isStaff(user) && { [changeReasonKey]: 'a test' }) };
  };
}

/** Starts it. It serves HTTP too. */
export async function startAuthenticatedMesh(environment: Record<string, string> = {}): Promise<AuthenticatedMesh> {
  const issuer = await createTestIssuer();
  const keys = await tempFolder();
  const keyFile = join(keys.path, 'jwks.json');
  await writeFile(keyFile, issuer.keySet);
  const mesh = await startMesh(allServices, {
    HTTP_LISTEN: '127.0.0.1:0',
    AUTH_JWKS: keyFile,
    AUTH_ISSUER: issuer.issuer,
    AUTH_AUDIENCE: issuer.audience,
    ...environment,
  });
  const session = await rawConnection(mesh.address);
  session.on('error', () => undefined);
  const headers = headersFrom(issuer);
  return {
    mesh,
    issuer,
    headers,
    call: async (name, request, who) =>
      await rawCall(session, `/${name}`, grpcFrame(encode(methodNamed(name), request)), {
        ...(await headers(who)),
        'grpc-timeout': '20S',
      }),
    async callAs(service, name, request) {
      const method = methodNamed(name);
      const contract = mesh.services
        .flatMap(({ serves }) => serves)
        .find((served) => served.contract.definition.fullName === method.parent.typeName)?.contract;
      if (contract === undefined) throw new Error(`nothing serves ${name}`);
      const key = method.name.charAt(0).toLowerCase() + method.name.slice(1);
      const { requestType, requestStream } = (contract.definition as TsProtoServiceDefinition).methods[key] as {
        readonly requestType: { decode(bytes: Uint8Array): unknown };
        readonly requestStream: boolean;
      };
      const message = requestType.decode(encode(method, request));
      const client = mesh.runtime.client(contract, {}, service) as unknown as Record<
        string,
        (input: unknown) => Promise<unknown> | AsyncIterable<unknown>
      >;
      const result = client[key]?.(requestStream ? once(message) : message);
      return await statusOf(result);
    },
    async stop() {
      session.destroy();
      await mesh.stop();
      await keys[Symbol.asyncDispose]();
    },
  };
}

/** The bytes of a request, which is given as JSON. */
export function encode(method: DescMethod, request: JsonObject): Uint8Array {
  return toBinary(method.input, fromJson(method.input, request, { registry }));
}

async function* once(message: unknown): AsyncGenerator<unknown> {
  yield message;
}

async function statusOf(result: Promise<unknown> | AsyncIterable<unknown> | undefined): Promise<number> {
  try {
    if (result && Symbol.asyncIterator in result) await Array.fromAsync(result);
    else await result;
    return Status.OK;
  } catch (error) {
    return (error as { readonly code: number }).code;
  }
}
