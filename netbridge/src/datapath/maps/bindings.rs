//! Addresses bound to ports.

use netbridge_common::{Binding, BindingKey, maps::name};

use super::{DatapathError, Maps, map_error};

impl Maps {
    /// All bindings, in no order.
    pub fn bindings(&self) -> Result<Vec<(BindingKey, Binding)>, DatapathError> {
        self.bindings
            .iter()
            .collect::<Result<_, _>>()
            .map_err(|error| map_error(name::BINDINGS, "read", &error))
    }

    /// The binding of an address.
    pub fn binding(&self, key: &BindingKey) -> Option<Binding> {
        self.bindings.get(key, 0).ok()
    }

    /// Binds an address to a port.
    pub fn set_binding(&mut self, key: BindingKey, binding: Binding) -> Result<(), DatapathError> {
        self.bindings
            .insert(key, binding, 0)
            .map_err(|error| map_error(name::BINDINGS, "write", &error))?;
        self.renew()
    }

    /// Binds an address to no port; none of the bridge's business where it was bound to none.
    pub fn remove_binding(&mut self, key: &BindingKey) -> Result<(), DatapathError> {
        if self.bindings.remove(key).is_err() {
            tracing::debug!("address was not bound");
        }
        self.renew()
    }
}
