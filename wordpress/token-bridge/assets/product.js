/**
 * Shows in the product panel how far the typed amount of tokens goes: once, or each month of a plan.
 */
( function ( known ) {
	const number = new Intl.NumberFormat( document.documentElement.lang || undefined );
	const separators = /[\s,.'’_]/g;

	function typed( panel, name ) {
		const field = panel.querySelector( '[name^="' + name + '"]' );
		return field ? field.value.trim() : '';
	}

	function amount( text ) {
		return Number( text.replace( separators, '' ) ) || 0;
	}

	function goesFor( tokens ) {
		return Object.entries( known.prices || {} )
			.slice( 0, 3 )
			.map( ( [ operation, price ] ) => '≈ ' + number.format( Math.floor( tokens / price ) ) + ' × ' + operation );
	}

	function sentence( panel ) {
		const perMonth = typed( panel, '_tokens_per_month' );
		const months = typed( panel, '_plan_months' );
		if ( ! perMonth && ! months ) {
			const tokens = amount( typed( panel, '_tokens_granted' ) );
			return tokens > 0 ? goesFor( tokens ).join( ' · ' ) : '';
		}
		if ( amount( perMonth ) <= 0 || amount( months ) <= 0 ) {
			return '';
		}
		const each = known.eachMonth.replace( '%s', number.format( amount( months ) ) );
		return [ ...goesFor( amount( perMonth ) ), each ].join( ' · ' );
	}

	document.addEventListener( 'input', function ( event ) {
		const panel = event.target.closest && event.target.closest( '.token-bridge-package' );
		if ( panel ) {
			panel.querySelector( '.token-bridge-about' ).textContent = sentence( panel );
		}
	} );
} )( window.tokenBridgeProduct || {} );
