/**
 * Shows in the product panel how far the typed amount of tokens goes.
 */
( function ( prices ) {
	const number = new Intl.NumberFormat( document.documentElement.lang || undefined );
	const isAmount = ( field ) => /^_tokens_(granted|per_month)/.test( field.name || '' );

	function sentence( tokens ) {
		return Object.entries( prices )
			.slice( 0, 3 )
			.map( ( [ operation, price ] ) => '≈ ' + number.format( Math.floor( tokens / price ) ) + ' × ' + operation )
			.join( ' · ' );
	}

	document.addEventListener( 'input', function ( event ) {
		const panel = event.target.closest && event.target.closest( '.token-bridge-package' );
		if ( ! panel || ! isAmount( event.target ) ) {
			return;
		}
		const tokens = Number( event.target.value.replace( /[\s,.'’_]/g, '' ) );
		panel.querySelector( '.token-bridge-about' ).textContent = tokens > 0 ? sentence( tokens ) : '';
	} );
} )( window.tokenBridgePrices || {} );
