/**
 * Shows a notice with a link when an AI feature of the editor was refused for lack of tokens.
 */
( function ( apiFetch, data, label ) {
	apiFetch.use( ( options, next ) =>
		Promise.resolve( next( options ) ).catch( ( error ) => {
			if ( error && error.code === 'token_bridge_tokens_used_up' && error.data && error.data.buy_url ) {
				data.dispatch( 'core/notices' ).createErrorNotice( error.message, {
					id: 'token-bridge-tokens-used-up',
					actions: [ { label, url: error.data.buy_url } ],
				} );
			}
			throw error;
		} )
	);
} )( window.wp.apiFetch, window.wp.data, window.tokenBridgeBuyLabel );
