import { type DescMessage, type FileRegistry, getOption } from '@bufbuild/protobuf';
import { field as fieldOption, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { createModule } from './generated-module.ts';
import { compileMessage } from './message.ts';

/** Whether a message is one of those looked for. */
export type MessageFinder = (message: DescMessage) => boolean;

/** Creates a finder of messages that have rules, or have a message with rules in them at any depth. It compiles each message once. */
export function createRuleFinder(isRequest: MessageFinder): MessageFinder {
  const ownRules = new Map<DescMessage, boolean>();

  function hasOwnRules(message: DescMessage): boolean {
    const known = ownRules.get(message);
    if (known !== undefined) return known;
    const body = compileMessage(message, {
      module: createModule('', []),
      isRequest: isRequest(message),
      runtime: (name) => name,
      checkOf: () => undefined,
    });
    ownRules.set(message, body.length > 0);
    return body.length > 0;
  }

  return (message) => [...reachable(message)].some(hasOwnRules);
}

/** Creates a finder of the messages in these files that methods have as requests or in them. */
export function createRequestFinder(registry: FileRegistry, files: readonly string[]): MessageFinder {
  const requests = new Set<DescMessage>();
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    for (const { input } of type.methods) reachable(input, requests);
  }
  const generated = new Set(files);
  return (message) => requests.has(message) && generated.has(`${message.file.name}.proto`);
}

/** Adds a message and the messages in it at any depth, without those in fields that are never checked. */
function reachable(message: DescMessage, found = new Set<DescMessage>()): Set<DescMessage> {
  if (found.has(message)) return found;
  found.add(message);
  for (const field of message.fields) {
    if (field.message !== undefined && getOption(field, fieldOption).ignore !== Ignore.ALWAYS) {
      reachable(field.message, found);
    }
  }
  return found;
}
