/**
 * Roles: what a credential may say of its holder. docs/api.md, "Who may ask".
 *
 * Tokens for the edge and the edge's own for central carry the same six words.
 */

export const ROLES = [
  'officer',
  'integrator',
  'carrier',
  'data-operator',
  'ncb',
  'auditor',
] as const;

export type Role = (typeof ROLES)[number];
