/**
 * The block `token-bridge/usage` in the editor: its controls, and a preview that the server renders.
 */
( function ( blocks, element, blockEditor, components, i18n, ServerSideRender ) {
	const el = element.createElement;
	const __ = i18n.__;

	const switches = [
		[ 'chatbot', __( 'Chatbot', 'token-bridge' ) ],
		[ 'aiforms', __( 'AI forms', 'token-bridge' ) ],
		[ 'imagegenerator', __( 'Image generator', 'token-bridge' ) ],
	];
	const parts = [
		[ 'purchasehistory', __( 'Purchases', 'token-bridge' ) ],
		[ 'buycredits', __( 'Button to buy tokens', 'token-bridge' ) ],
	];
	const texts = [
		[ 'title', __( 'Title', 'token-bridge' ) ],
		[ 'intro', __( 'Introduction', 'token-bridge' ) ],
		[ 'labels', __( 'Names of modules, such as chat:Assistant', 'token-bridge' ) ],
		[ 'accent', __( 'Accent color, such as #0a7', 'token-bridge' ) ],
		[ 'buycreditslabel', __( 'Label of the button', 'token-bridge' ) ],
		[ 'buycreditsurl', __( 'Address of the button', 'token-bridge' ) ],
	];
	const views = [
		{ value: '', label: __( 'As set for the store', 'token-bridge' ) },
		{ value: 'full', label: __( 'Everything', 'token-bridge' ) },
		{ value: 'summary', label: __( 'Without purchases', 'token-bridge' ) },
		{ value: 'balance', label: __( 'Balance only', 'token-bridge' ) },
	];
	const headings = [ { value: '', label: __( 'As set for the store', 'token-bridge' ) } ].concat(
		[ '2', '3', '4', '5', '6' ].map( ( level ) => ( { value: level, label: level } ) )
	);
	const themes = [
		{ value: '', label: __( 'As set for the store', 'token-bridge' ) },
		{ value: 'auto', label: __( 'Like the page', 'token-bridge' ) },
		{ value: 'light', label: __( 'Light', 'token-bridge' ) },
		{ value: 'dark', label: __( 'Dark', 'token-bridge' ) },
	];

	function Edit( props ) {
		const attributes = props.attributes;
		const set = ( name ) => ( value ) => props.setAttributes( { [ name ]: value } );
		const toggle = ( pair ) =>
			el( components.ToggleControl, { key: pair[ 0 ], label: pair[ 1 ], checked: attributes[ pair[ 0 ] ], onChange: set( pair[ 0 ] ) } );
		const text = ( pair ) =>
			el( components.TextControl, { key: pair[ 0 ], label: pair[ 1 ], value: attributes[ pair[ 0 ] ], onChange: set( pair[ 0 ] ) } );
		const select = ( name, label, options ) =>
			el( components.SelectControl, { label, options, value: attributes[ name ], onChange: set( name ) } );

		return el(
			'div',
			blockEditor.useBlockProps(),
			el(
				blockEditor.InspectorControls,
				null,
				el(
					components.PanelBody,
					{ title: __( 'Modules', 'token-bridge' ) },
					switches.map( toggle ),
					text( [ 'modules', __( 'Or: keys of modules, separated by commas', 'token-bridge' ) ] )
				),
				el(
					components.PanelBody,
					{ title: __( 'Contents', 'token-bridge' ) },
					select( 'view', __( 'View', 'token-bridge' ), views ),
					parts.map( toggle ),
					select( 'theme', __( 'Colors', 'token-bridge' ), themes ),
					select( 'heading', __( 'Level of the title', 'token-bridge' ), headings ),
					texts.map( text )
				)
			),
			el( components.Disabled, null, el( ServerSideRender, { block: 'token-bridge/usage', attributes } ) )
		);
	}

	blocks.registerBlockType( 'token-bridge/usage', { edit: Edit, save: () => null } );
} )( window.wp.blocks, window.wp.element, window.wp.blockEditor, window.wp.components, window.wp.i18n, window.wp.serverSideRender );
