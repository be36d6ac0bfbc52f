import type { PathTemplate, TemplateVariable } from '../../rules/path-template.ts';

/** A path template of `google.api.http` as OpenAPI has it. */
export interface OpenApiPath {
  /** `/api/users/{user.id}`. */
  readonly path: string;
  readonly variables: readonly PathParameter[];
}

/** A parameter in a path: a variable of the template, or one of its wildcards if it has several. */
export interface PathParameter {
  /** The name of the parameter. It is free: only the place of a path parameter is sent. */
  readonly name: string;
  /** The field that it is bound to, from the request on: `user.id`. `undefined`: a wildcard that is bound to none. */
  readonly field: string | undefined;
  /** What the field matches of the template: `shelves/*`. A lone `*` is a whole segment. */
  readonly pattern: string;
}

/**
 * Translates a path template. OpenAPI has no patterns inside of a variable: `/{name=shelves/*}` becomes `/shelves/{name}`,
 * and each further wildcard a parameter of its own, `{name_2}`.
 */
export function openApiPath(template: PathTemplate): OpenApiPath {
  const variables: PathParameter[] = [];
  const parts = template.segments.map((segment, index) => {
    if (segment.kind === 'literal') return segment.text;
    const variable = template.variables.find(({ start, end }) => start <= index && index < end);
    const field = variable?.fieldPath;
    const base = field ?? 'segment';
    const count = variables.filter((other) => (other.field ?? 'segment') === base).length;
    const name = count === 0 ? base : `${base}_${count + 1}`;
    variables.push({ name, field, pattern: patternOf(template, variable ?? { start: index, end: index + 1 }) });
    return `{${name}}`;
  });
  return { path: `/${parts.join('/')}${template.verb === undefined ? '' : `:${template.verb}`}`, variables };
}

/** Returns a path without the names of its parameters. OpenAPI takes two paths with the same shape for the same. */
export function pathShape(path: string): string {
  return path.replaceAll(/\{[^}]*\}/g, '{}');
}

/** Returns the names of the parameters in a path, in order. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => name);
}

function patternOf({ segments }: PathTemplate, { start, end }: Pick<TemplateVariable, 'start' | 'end'>): string {
  const texts = segments.slice(start, end).map((segment) => {
    if (segment.kind === 'literal') return segment.text;
    return segment.kind === 'single' ? '*' : '**';
  });
  return texts.join('/');
}
