//! What every engine on a server shares, whatever the server is: an engine's folder keeps only what differs.
//!
//! Only the engines' folders use this room. A new server engine has an [`endpoint`], a connection, a channel and a column type, and
//! implements one trait of this room for each:
//!
//! | trait | of what | what the engine gets for it |
//! |---|---|---|
//! | [`endpoint::ServerEndpoint`] | the address, with what is needed to log in | [`store`], what a handle holds |
//! | [`connection::ServerConnection`] | a connection | [`lock`], which keeps two writers of expmig apart; queries, and the error of a commit without an answer |
//! | [`result_sets::ResultSets`] | what result sets are read from | cursors, one or several together |
//! | [`written::ServerType`] | the type of a column | [`written`], the conversion of the cells of a row |
//!
//! And for all of them: [`ddl`] is what their CREATE TABLE statements have in common, [`select_only`] refuses SQL from callers by its
//! words, [`stored`] is the result of storing a value. [`any_cell`] keeps a value of any type, [`decimals`] reads and writes decimal digits,
//! [`plain_json`] knows JSON that every server takes, [`connect_timeout`] limits how long connecting takes.

pub mod any_cell;
pub mod connect_timeout;
pub mod connection;
pub mod ddl;
pub mod decimals;
pub mod endpoint;
pub mod lock;
pub mod plain_json;
pub mod result_sets;
pub mod select_only;
pub mod store;
pub mod stored;
pub mod written;
