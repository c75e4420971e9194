import { gaplessSQL } from '../node.mjs'

const sql = gaplessSQL.replaceAll('?', '\\?')

export const up = (knex) => knex.raw(sql)
export async function down() {}
