import { invalidRequest, type MeshError } from '../../mesh/errors/mesh-error.ts';

export function reservedHeader(name: string): MeshError {
  return invalidRequest([
    {
      field: 'headers',
      description: `must not set ${name}: names that start with ce_, and content-type, are set by the server`,
    },
  ]);
}

export function notJson(): MeshError {
  return invalidRequest([{ field: 'json', description: 'must be JSON text' }]);
}
