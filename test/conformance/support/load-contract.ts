import {
  loadSync,
  type MessageTypeDefinition,
  type MethodDefinition,
  type Options,
  type PackageDefinition,
} from '@grpc/proto-loader';
import type { EngineMethod, MethodKind } from '../../../mesh/engines/engine.ts';

type Method = MethodDefinition<object, object>;
type Message = MessageTypeDefinition<object, object>;

/** Encodes and decodes messages of one type. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

/** A contract that `make deps` installs. Its methods and messages are typed where they are used. */
export class LoadedContract {
  readonly #definitions: PackageDefinition;
  readonly #folder: string;

  constructor(folder: string, files: readonly string[], options: Options) {
    this.#folder = folder;
    this.#definitions = loadSync([...files], { ...options, includeDirs: [folder] });
  }

  /** Returns a method of a service, for an engine. */
  method<Request, Response>(service: string, name: string): EngineMethod<Request, Response> {
    const methods = this.#find(service) as Readonly<Record<string, Method>>;
    const definition = methods[name];
    if (!definition) throw this.#missing(`${service}.${name}`);
    return {
      path: definition.path,
      kind: kindOf(definition),
      encodeRequest: (message) => definition.requestSerialize(message as object),
      decodeRequest: (bytes) => definition.requestDeserialize(toBuffer(bytes)) as Request,
      encodeResponse: (message) => definition.responseSerialize(message as object),
      decodeResponse: (bytes) => definition.responseDeserialize(toBuffer(bytes)) as Response,
    };
  }

  message<Value>(name: string): Codec<Value> {
    const { serialize, deserialize } = this.#find(name) as Message;
    return {
      encode: (value) => serialize(value as object),
      decode: (bytes) => deserialize(toBuffer(bytes)) as Value,
    };
  }

  #find(name: string): PackageDefinition[string] {
    return this.#definitions[name] ?? this.#missing(name);
  }

  #missing(name: string): never {
    throw new Error(`${this.#folder} has no ${name}: run "make deps"`);
  }
}

function kindOf({ requestStream, responseStream }: Method): MethodKind {
  if (requestStream) return responseStream ? 'bidi-streaming' : 'client-streaming';
  return responseStream ? 'server-streaming' : 'unary';
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
