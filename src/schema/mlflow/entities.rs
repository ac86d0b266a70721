//! The kinds of rows that have keys of their own.

use crate::schema::entity::Entity;

pub const EXPERIMENT: Entity = Entity::at(0);
pub const RUN: Entity = Entity::at(1);
pub const MODEL: Entity = Entity::at(2);
pub const DATASET: Entity = Entity::at(3);
pub const TRACE: Entity = Entity::at(4);
pub const ASSESSMENT: Entity = Entity::at(5);
pub const INPUT: Entity = Entity::at(6);
pub const ASSOCIATION: Entity = Entity::at(7);
