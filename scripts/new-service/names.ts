import { isReservedInSql, languageReserving, namesOfMesh } from './reserved-words.ts';

/** How a service and its resource are called. */
export interface ServiceNames {
  /** `catalog`: its folder, its package and its database. */
  readonly service: string;
  /** `product`: what it stores, a message of its contract. */
  readonly resource: string;
  /** `products`: its table and its path. */
  readonly resources: string;
}

/** A name that cannot be used. The text says why and what to use. */
export class NameError extends Error {}

// A database, a host and a table have this name too, and a certificate.
const maxLetters = 30;
const singularWithS = /(ss|us|is)$|^(atlas|bias|canvas|gas|lens|news|series|species)$/;

const ownPlural = /^(news|series|species)$/;

/** The names as `make new-service` got them; an empty text is one that was not given. */
export interface GivenNames {
  readonly name: string;
  readonly resource: string;
  readonly plural: string;
}

/** Checks the names. Throws a NameError that says which is not possible, and why. */
export function checkNames({ name, resource, plural }: GivenNames): ServiceNames {
  if (name === '') throw new NameError('no name: say what to call the service, as in NAME=catalog');
  requireWord('NAME', name, 'catalog');
  if (resource !== '') requireResource(resource);
  const singular = resource === '' ? name : resource.toLowerCase();
  const resources = plural === '' ? pluralOf(singular) : plural;
  requireWord('PLURAL', resources, 'products');
  requireUnreserved('NAME', name);
  requireUnreserved(resource === '' ? 'NAME' : 'RESOURCE', singular);
  requireUnreserved('PLURAL', resources);
  if (namesOfMesh.has(name)) throw new NameError(`NAME=${name} is taken by the mesh itself: choose another name`);
  if (isReservedInSql(resources))
    throw new NameError(`${resources} cannot name a table, SQL reserves it: set another PLURAL`);
  if (resources === singular)
    throw new NameError(`the plural of ${singular} has to be another word: set PLURAL, as in PLURAL=${singular}items`);
  return { service: name, resource: singular, resources };
}

/** Throws a NameError if the service or its resource is called by a plural. For names that are not taken. */
export function refusePlurals({ service, resource }: ServiceNames): void {
  if (isPlural(service)) throw new NameError(`NAME=${service} is a plural: use NAME=${singularOf(service)}`);
  if (!isPlural(resource)) return;
  const singular = singularOf(resource);
  const written = `${singular.charAt(0).toUpperCase()}${singular.slice(1)}`;
  throw new NameError(`RESOURCE=${resource} is a plural: use RESOURCE=${written}`);
}

/** The regular plural: `boxes`, `categories`, `products`. Of words that have no other, the word itself. */
export function pluralOf(word: string): string {
  if (ownPlural.test(word)) return word;
  if (/(s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return `${word}s`;
}

function singularOf(plural: string): string {
  if (plural.endsWith('ies')) return `${plural.slice(0, -3)}y`;
  return plural.replace(/(?<=ss|x|z|ch|sh)es$|s$/, '');
}

function isPlural(word: string): boolean {
  return word.endsWith('s') && !singularWithS.test(word);
}

function requireWord(variable: string, word: string, example: string): void {
  if (/^[a-z]+$/.test(word) && word.length > 1 && word.length <= maxLetters) return;
  throw new NameError(
    `invalid ${variable} "${word}": use one word of 2 to ${maxLetters} lower-case letters, as in ${variable}=${example}`,
  );
}

function requireResource(resource: string): void {
  if (/^[A-Z][a-z]+$/.test(resource) && resource.length <= maxLetters) return;
  throw new NameError(
    `invalid RESOURCE "${resource}": use one word in the singular with a capital letter, as in RESOURCE=Product`,
  );
}

function requireUnreserved(variable: string, word: string): void {
  const language = languageReserving(word);
  if (language === undefined) return;
  throw new NameError(
    `${variable}=${word} is a reserved word of ${language}, so not all clients compile: choose another`,
  );
}
