/** Every address of central is in the table of rights, and nothing else is. */

import { afterAll, describe, expect, it } from 'vitest';
import { databaseKinds } from '../support/postgres.ts';
import { RIGHTS } from '../support/rights.ts';
import { PERSONS, rightsWorld } from '../support/rights-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

describe('the table of rights', () => {
  it('has every address of the app, and no other', async () => {
    const database = await kinds[0]!.create();
    const world = await rightsWorld(database);
    // Registered without a method: the problem for all others.
    const routes = world.central.routes.filter(({ method }) => method !== 'ALL');
    const addresses = new Set(routes.map(({ method, path }) => `${method} ${path}`));
    expect([...addresses].sort()).toEqual(Object.keys(RIGHTS).sort());
    world.remove();
    await database.remove();
  });

  it('knows every role in every tenant', () => {
    expect(PERSONS).toHaveLength(36);
  });

  it('lets the owner alone remove an endpoint', async () => {
    const database = await kinds[0]!.create();
    const world = await rightsWorld(database);
    const path = `/v1/endpoints/${world.endpointId}`;
    for (const person of PERSONS.filter(({ name }) => name !== 'ncb@issuing')) {
      expect([403, 404]).toContain((await world.request(person, 'DELETE', path)).status);
    }
    const owner = PERSONS.find(({ name }) => name === 'ncb@issuing');
    expect((await world.request(owner, 'DELETE', path)).status).toBe(204);
    world.remove();
    await database.remove();
  });
});
