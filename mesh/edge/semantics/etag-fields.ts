import { type DescField, type DescMessage, type DescMethod, type Message, ScalarType } from '@bufbuild/protobuf';

/** Where a request has the etag that its resource must still have. */
export interface EtagField {
  /** As the proto has it: `user.etag`. */
  readonly path: string;
  /** Empty: any version. */
  get(request: Message): string;
  set(request: Message, etag: string): void;
}

/** Returns how to read the etag of a response; `undefined` if its message has none. An empty one is none. */
export function responseEtag(message: DescMessage | undefined): ((response: Message) => string) | undefined {
  const field = message && etagOf(message);
  return field && ((response) => textOf(response, field));
}

/**
 * Returns where a request takes an etag: in its own field, or, if it updates a resource, in that of the resource. `undefined` if it takes
 * none. A method that creates a resource ignores the etag in it.
 */
export function requestEtag({ input, output }: DescMethod, verb: string): EtagField | undefined {
  const own = etagOf(input);
  if (own) {
    return {
      path: own.name,
      get: (request) => textOf(request, own),
      set: (request, etag) => void Reflect.set(request, own.localName, etag),
    };
  }
  if (verb !== 'PATCH' && verb !== 'PUT') return undefined;
  const resource = input.fields.find((field) => field.fieldKind === 'message' && field.message === output);
  const etag = resource?.message && etagOf(resource.message);
  if (!resource || !etag) return undefined;
  const resourceOf = (request: Message) => Reflect.get(request, resource.localName) as Message | undefined;
  return {
    path: `${resource.name}.${etag.name}`,
    get: (request) => {
      const found = resourceOf(request);
      return found === undefined ? '' : textOf(found, etag);
    },
    // A request without the resource is refused by the service, whatever its etag.
    set: (request, value) => {
      const found = resourceOf(request);
      if (found !== undefined) Reflect.set(found, etag.localName, value);
    },
  };
}

function etagOf({ field }: DescMessage): DescField | undefined {
  return field.etag?.scalar === ScalarType.STRING && field.etag.fieldKind === 'scalar' ? field.etag : undefined;
}

function textOf(message: Message, { localName }: DescField): string {
  return Reflect.get(message, localName) as string;
}
