/**
 * Shows a notice with a link when an AI feature of the editor was refused for lack of tokens. The shop's thank-you page
 * leads back to the editor.
 */
( function ( apiFetch, data, label ) {
	function withWayBack( address ) {
		const target = new URL( address, window.location.href );
		target.searchParams.set( 'token_bridge_return', window.location.href );
		return target.href;
	}

	apiFetch.use( ( options, next ) =>
		Promise.resolve( next( options ) ).catch( ( error ) => {
			if ( error && error.code === 'token_bridge_tokens_used_up' && error.data && error.data.buy_url ) {
				data.dispatch( 'core/notices' ).createErrorNotice( error.message, {
					id: 'token-bridge-tokens-used-up',
					actions: [ { label, url: withWayBack( error.data.buy_url ) } ],
				} );
			}
			throw error;
		} )
	);
} )( window.wp.apiFetch, window.wp.data, window.tokenBridgeBuyLabel );
