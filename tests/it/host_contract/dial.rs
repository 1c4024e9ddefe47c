//! A connection from the machine to what listens beside it.

use kup_steps::host::{Address, Host};
use tokio::io::AsyncReadExt;

use super::{Script, Specimens};

impl Specimens {
    /// Returns what a machine can run that knows nothing else.
    pub(super) fn only(quick: Script) -> Self {
        let (failing, slow, loud, echo, print, greeter) = (None, None, None, None, None, None);
        Self { quick, failing, slow, loud, echo, print, greeter }
    }
}

pub(super) async fn connections_are_carried(host: &dyn Host, specimens: &Specimens) {
    let silent = Address { host: "127.0.0.1".to_owned(), port: 1 };
    if let Ok(mut stream) = host.dial(&silent).await {
        let mut nothing = Vec::new();
        let read = stream.read_to_end(&mut nothing).await;
        assert!(nothing.is_empty(), "nobody listens there: {read:?}");
    }
    let Some((address, greeting)) = &specimens.greeter else { return };
    for _ in 0..2 {
        let mut stream = host.dial(address).await.unwrap();
        let mut heard = vec![0; greeting.len()];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(greeting));
    }
}
