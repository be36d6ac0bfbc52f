import { parseAddress } from './address.ts';

/** How a client proves to Kafka who it is. */
export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** A Kafka cluster, and how to connect to it. */
export interface KafkaTarget {
  /** Each as `host:port`. */
  readonly brokers: readonly string[];
  readonly tls: boolean;
  /** `undefined`: the brokers ask for no user. */
  readonly sasl:
    | {
        readonly mechanism: (typeof saslMechanisms)[number];
        readonly username: string;
        readonly password: string;
      }
    | undefined;
}

const form = /^kafka(\+ssl)?:\/\/(?:([^:/@?]*):([^?]*)@)?([^@?/]*)(?:\?mechanism=([a-z0-9-]+))?$/;
const defaultMechanism = 'scram-sha-512';

/**
 * Reads `kafka[+ssl]://[<user>:<password>@]<host>:<port>,…[?mechanism=…]`. User and password are percent-encoded. Returns
 * `undefined` if the text is not a valid URL of a cluster.
 */
export function parseKafkaUrl(text: string): KafkaTarget | undefined {
  const [, tls, user, password, hosts = '', mechanismName = defaultMechanism] = form.exec(text) ?? [];
  const brokers = hosts.split(',');
  if (!brokers.every((broker) => parseAddress(broker) !== undefined)) return undefined;
  if (user === undefined) {
    return text.includes('?') ? undefined : { brokers, tls: tls !== undefined, sasl: undefined };
  }
  const mechanism = saslMechanisms.find((name) => name === mechanismName);
  const [username, secret] = [decoded(user), decoded(password ?? '')];
  if (!mechanism || !username || !secret) return undefined;
  return { brokers, tls: tls !== undefined, sasl: { mechanism, username, password: secret } };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
