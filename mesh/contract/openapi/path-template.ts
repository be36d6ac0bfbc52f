/** A path template of `google.api.http` as OpenAPI has it. */
export interface OpenApiPath {
  /** `/api/users/{user.id}`. */
  readonly path: string;
  readonly variables: readonly PathVariable[];
}

/** A parameter in a path: a variable of the template, or one of its wildcards if it has several. */
export interface PathVariable {
  /** The name of the parameter. It is free: only the place of a path parameter is sent. */
  readonly name: string;
  /** The field that it is bound to, from the request on: `user.id`. `undefined`: a wildcard that is bound to none. */
  readonly field: string | undefined;
  /** The part of the template that the field matches: `shelves/*`. A lone `*` is a whole segment. */
  readonly pattern: string;
}

const variable = /\{([^}=]+)(?:=([^}]*))?\}|\*\*|\*/g;

/**
 * Translates a path template. OpenAPI has no patterns inside of a variable: `/{name=shelves/*}` becomes `/shelves/{name}`,
 * and each further wildcard a parameter of its own, `{name_2}`.
 */
export function openApiPath(template: string): OpenApiPath {
  const variables: PathVariable[] = [];
  const add = (name: string, field: string | undefined, pattern: string): string => {
    const count = variables.filter((other) => other.name === name || other.name.startsWith(`${name}_`)).length;
    const unique = count === 0 ? name : `${name}_${count + 1}`;
    variables.push({ name: unique, field, pattern });
    return `{${unique}}`;
  };
  const path = template.replaceAll(variable, (wildcard, field: string | undefined, pattern = '*') => {
    if (field === undefined) return add('segment', undefined, wildcard);
    return pattern.replaceAll(/\*\*?/g, () => add(field, field, pattern));
  });
  return { path, variables };
}

/** Returns a path without the names of its parameters. OpenAPI takes two paths with the same shape for the same. */
export function pathShape(path: string): string {
  return path.replaceAll(/\{[^}]*\}/g, '{}');
}

/** Returns the names of the parameters in a path, in order. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => name);
}
