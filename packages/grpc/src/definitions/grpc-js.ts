import type { MethodDefinition, ServiceDefinition } from './method-definition.ts';

/** A method as grpc-js, and what `grpc_tools_node_protoc` generates for it, define it. */
export type GrpcJsMethodDefinition<Request, Response> = {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize(value: Request): Buffer;
  requestDeserialize(bytes: Buffer): Request;
  responseSerialize(value: Response): Buffer;
  responseDeserialize(bytes: Buffer): Response;
};

/** A service as grpc-js defines it. */
export type GrpcJsServiceDefinition = {
  readonly [method: string]: GrpcJsMethodDefinition<unknown, unknown>;
};

export type FromGrpcJsServiceDefinition<Service extends GrpcJsServiceDefinition> = {
  [Method in NamedKeys<Service>]: FromGrpcJsMethodDefinition<Service[Method]>;
};

/** The keys of a type without its index signature. */
type NamedKeys<Service> = keyof {
  [Key in keyof Service as string extends Key ? never : number extends Key ? never : Key]: Service[Key];
} &
  keyof Service;

type FromGrpcJsMethodDefinition<Method> =
  Method extends GrpcJsMethodDefinition<infer Request, infer Response>
    ? MethodDefinition<Request, Request, Response, Response, Method['requestStream'], Method['responseStream']>
    : never;

/** Whether it is a definition by paths: of grpc-js, or one that was converted before. */
export function isGrpcJsServiceDefinition(definition: object): definition is GrpcJsServiceDefinition {
  return Object.values(definition).every((value) => typeof value?.path === 'string');
}

export function fromGrpcJsServiceDefinition(definition: GrpcJsServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      {
        path: method.path,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: method.requestSerialize,
        requestDeserialize: (bytes) => method.requestDeserialize(asBuffer(bytes)),
        responseSerialize: method.responseSerialize,
        responseDeserialize: (bytes) => method.responseDeserialize(asBuffer(bytes)),
        options: 'options' in method ? (method.options as object) : {},
      },
    ]),
  );
}

/** Its decoders may use methods of Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
